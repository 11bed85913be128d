//! registry-io 1.0.0 behind a C interface, so that its blocks and ours alternate in one process.
//!
//! The loops are here and not in C: a Rust program that uses the crate gets `notify` inlined, so the
//! peer does too. A handler owns its counter, which is the shortest way to it.

use registry_io::{HandlerId, SyncRegistry};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static DROPPED: AtomicU64 = AtomicU64::new(0);
static SHARED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static PRIVATE: Cell<u64> = const { Cell::new(0) };
}

/// What a handler does. Numbers shared with peer.h.
const WORK_OWN_COUNTER: u32 = 0;
const WORK_SHARED_COUNTER: u32 = 1;
const WORK_THREAD_COUNTER: u32 = 2;
const WORK_FAIL: u32 = 3;

/// Adds what it counted to a total when its handler is dropped: proof that the handlers ran.
struct Counter(AtomicU64);

impl Counter {
    fn count(&self) {
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        DROPPED.fetch_add(self.0.load(Relaxed), Relaxed);
    }
}

pub struct Peer {
    registry: Arc<SyncRegistry<u64>>,
    panics: Arc<AtomicU64>,
}

impl Peer {
    fn add(&self, work: u32) -> HandlerId {
        match work {
            WORK_OWN_COUNTER => {
                let counter = Counter(AtomicU64::new(0));
                self.registry.register(move |event: &u64| {
                    black_box(event);
                    counter.count();
                })
            }
            WORK_SHARED_COUNTER => self.registry.register(|event: &u64| {
                black_box(event);
                SHARED.fetch_add(1, Relaxed);
            }),
            WORK_THREAD_COUNTER => self.registry.register(|event: &u64| {
                black_box(event);
                PRIVATE.with(|count| count.set(count.get() + 1));
            }),
            WORK_FAIL => self.registry.register(|event: &u64| {
                black_box(event);
                panic!("refused");
            }),
            _ => unreachable!(),
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn peer_new(handlers: usize, work: u32) -> *mut Peer {
    let peer = Peer { registry: Arc::new(SyncRegistry::new()), panics: Arc::new(AtomicU64::new(0)) };
    for _ in 0..handlers {
        peer.add(work);
    }
    Box::into_raw(Box::new(peer))
}

/// Frees the registry and returns what its handlers with an own counter have counted.
///
/// # Safety
/// `peer` comes from `peer_new`, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_free(peer: *mut Peer) -> u64 {
    let before = DROPPED.load(Relaxed);
    drop(unsafe { Box::from_raw(peer) });
    DROPPED.load(Relaxed) - before
}

/// # Safety
/// `peer` is alive; so in all functions below.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_notify(peer: *const Peer, count: u64) {
    let peer = unsafe { &*peer };
    for event in 0..count {
        peer.registry.notify(black_box(&event));
    }
}

/// Times each notify by itself, in ticks of `now`.
///
/// # Safety
/// `ticks` has room for `count` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_latency(peer: *const Peer, count: usize, ticks: *mut u64, now: extern "C" fn() -> u64) {
    let peer = unsafe { &*peer };
    for index in 0..count {
        let event = index as u64;
        let start = now();
        peer.registry.notify(black_box(&event));
        unsafe { *ticks.add(index) = now() - start };
    }
}

/// Registers `count` more handlers, then removes them again, and reports how long each half took.
///
/// # Safety
/// The two out-pointers are valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_edit(
    peer: *const Peer,
    count: usize,
    now: extern "C" fn() -> u64,
    register: *mut u64,
    unregister: *mut u64,
) {
    let peer = unsafe { &*peer };
    let mut ids = Vec::with_capacity(count);
    let start = now();
    for _ in 0..count {
        ids.push(peer.add(WORK_OWN_COUNTER));
    }
    let middle = now();
    for id in &ids {
        black_box(peer.registry.unregister(*id));
    }
    unsafe {
        *register = middle - start;
        *unregister = now() - middle;
    }
}

/// Unregisters an id that is no longer there, `count` times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_miss(peer: *const Peer, count: u64) {
    let peer = unsafe { &*peer };
    let id = peer.add(WORK_OWN_COUNTER);
    peer.registry.unregister(id);
    for _ in 0..count {
        black_box(peer.registry.unregister(black_box(id)));
    }
}

/// One write: a handler more, or that one less.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_churn(peer: *const Peer) {
    let peer = unsafe { &*peer };
    let id = peer.add(WORK_THREAD_COUNTER);
    peer.registry.unregister(id);
}

/// Counts panics in a callback, and keeps the process's panic hook from printing them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_count_panics(peer: *mut Peer) {
    let peer = unsafe { &*peer };
    std::panic::set_hook(Box::new(|_| {}));
    let panics = peer.panics.clone();
    peer.registry.on_panic(move |info| {
        black_box(&info);
        panics.fetch_add(1, Relaxed);
    });
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_panics(peer: *const Peer) -> u64 {
    unsafe { &*peer }.panics.load(Relaxed)
}
