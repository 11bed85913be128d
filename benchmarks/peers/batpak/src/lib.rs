//! batpak 0.10.0 behind the C interface of ../../batpak.h.
//!
//! At its best: fdatasync instead of fsync, no sync between batches where the promise is "written", the
//! largest batches that it takes, payload bytes as one MessagePack value.

use std::ffi::{CStr, c_char};

use batpak::prelude::*;
use batpak::store::{BatchAppendItem, CausationRef};
use serde_bytes::Bytes;

pub struct Peer {
    store: Store,
    coordinates: Vec<Coordinate>,
    ids: Vec<EventId>,
}

const KIND: EventKind = EventKind::custom(0xF, 1);

/// # Safety
/// `directory` is a NUL-terminated path.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn batpak_open(directory: *const c_char, streams: usize, sync_every: u32) -> *mut Peer {
    let path = unsafe { CStr::from_ptr(directory) }.to_str().expect("a path in UTF-8");
    let config = StoreConfig::new(path)
        .with_sync_mode(SyncMode::SyncData)
        .with_sync_every_n_events(sync_every)
        .with_batch_max_size(4096)
        .with_batch_max_bytes(16 * 1024 * 1024);
    let store = Store::open(config).expect("batpak opens");
    let coordinates = (0..streams)
        .map(|i| Coordinate::new(format!("account:{i}"), "bench").expect("a coordinate"))
        .collect();
    Box::into_raw(Box::new(Peer { store, coordinates, ids: Vec::new() }))
}

/// # Safety
/// `peer` comes from `batpak_open` and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn batpak_close(peer: *mut Peer) {
    let peer = unsafe { Box::from_raw(peer) };
    peer.store.close().expect("batpak closes");
}

/// # Safety
/// `peer` is open; `data` has `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn batpak_append(peer: *mut Peer, stream: usize, data: *const u8, length: usize) {
    let peer = unsafe { &mut *peer };
    let bytes = Bytes::new(unsafe { std::slice::from_raw_parts(data, length) });
    let receipt = peer.store.append(&peer.coordinates[stream], KIND, &bytes).expect("batpak appends");
    peer.ids.push(receipt.event_id);
}

/// The data of event i begins at `data + i * length`; its stream is `(first + i) % streams`.
///
/// # Safety
/// `peer` is open; `data` has `count * length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn batpak_append_batch(
    peer: *mut Peer,
    first: usize,
    data: *const u8,
    length: usize,
    count: usize,
) {
    let peer = unsafe { &mut *peer };
    let bytes = unsafe { std::slice::from_raw_parts(data, length * count) };
    let items = (0..count)
        .map(|i| {
            BatchAppendItem::new(
                peer.coordinates[(first + i) % peer.coordinates.len()].clone(),
                KIND,
                &Bytes::new(&bytes[i * length..(i + 1) * length]),
                AppendOptions::default(),
                CausationRef::None,
            )
            .expect("a batch item")
        })
        .collect();
    let receipts = peer.store.append_batch(items).expect("batpak appends a batch");
    peer.ids.extend(receipts.iter().map(|receipt| receipt.event_id));
}

/// Reads the payload of the event that was appended as number `index`; returns its length.
///
/// # Safety
/// `peer` is open and has appended it itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn batpak_read(peer: *const Peer, index: usize) -> usize {
    let peer = unsafe { &*peer };
    peer.store.read_raw(peer.ids[index]).expect("batpak reads").event.payload.len()
}

/// A page of a stream, with payloads, after a global sequence; returns the number of events.
///
/// # Safety
/// `peer` is open; `stream` is below the number that it was opened with, or that number for all streams.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn batpak_page(peer: *const Peer, stream: usize, after: u64, limit: usize) -> usize {
    let peer = unsafe { &*peer };
    let region = match peer.coordinates.get(stream) {
        Some(coordinate) => Region::entity(coordinate.entity()),
        None => Region::all(),
    };
    let entries = peer.store.query_entries_after(&region, Some(after), limit);
    entries.iter().filter(|entry| peer.store.read_raw(entry.event_id()).is_ok()).count()
}
