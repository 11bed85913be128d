/**
 * @file platform.h
 * @brief The table through which the core touches the world.
 *
 * Files, clocks, randomness, memory and threads are reached only through a `tally_platform`. So a
 * test can make the k-th allocation fail, cut the power between two writes, or set the clock; and a
 * host can bring its own allocator. Backends that ship: `tally_platform_posix` (the default) and
 * `tally_platform_memory` (files in memory, a clock that the test moves; the rest is the system's).
 *
 * A caller's own table: copy `*tally_platform_default()`, replace members, keep the struct alive
 * until every handle that was opened with it is closed. Every member must be set. The process-wide
 * parts of the library (handle slab, thread records, interned names, locks) always use the default
 * platform; everything that belongs to a handle uses the platform of its handle.
 *
 * Each function gets `context` first. Functions that return tally_status put the system's own error
 * number into `*os_error` (never NULL) when a system call failed, else 0. Out-parameters are zero on
 * failure. Calls that a signal interrupts are made again by the platform. All must be safe to call from
 * any thread.
 */
#ifndef TALLYSTICK_PLATFORM_H
#define TALLYSTICK_PLATFORM_H

#include "status.h"

/** An open file, as the platform numbers it; TALLY_FILE_NONE is never one. */
typedef int64_t tally_file;
#define TALLY_FILE_NONE (-1)

/**
 * Flags of `open_file`; READ, WRITE or both. Files are opened close-on-exec and without following a
 * final link (TALLY_E_DENIED); what is neither file nor directory is TALLY_E_UNSUPPORTED. The other
 * functions follow links in the names of directories.
 */
#define TALLY_OPEN_READ 1u
#define TALLY_OPEN_WRITE 2u
#define TALLY_OPEN_CREATE 4u    /**< create when missing, with `mode` */
#define TALLY_OPEN_EXCLUSIVE 8u /**< with CREATE: TALLY_E_EXISTS when it is there */

/** What `file_status` says about an open file. */
typedef struct tally_file_status {
    uint64_t size_bytes;
    uint64_t device; /**< device and inode together name the file */
    uint64_t inode;
    uint32_t mode; /**< permission bits */
    uint32_t is_directory;
} tally_file_status;

/** One piece of a vectored write. */
typedef struct tally_slice {
    const void *data;
    size_t length;
} tally_slice;

/** Storage of a mutex; contents are the platform's. Zero-filled means "not initialised". */
typedef struct tally_mutex {
    uint64_t storage[8];
} tally_mutex;

/** Storage of a condition variable; contents are the platform's. */
typedef struct tally_condition {
    uint64_t storage[8];
} tally_condition;

/** A running thread, as the platform numbers it. */
typedef uint64_t tally_thread_id;

typedef struct tally_platform {
    size_t size;      /**< sizeof(tally_platform) */
    const char *name; /**< for diagnostics: "posix", "memory" */
    void *context;    /**< passed to every function */

    /* ------------------------------------------------------------------------------------ files */
    /** Opens a file; `mode` counts with TALLY_OPEN_CREATE. A directory can be opened for reading. */
    tally_status (*open_file)(void *context, const char *path, uint32_t flags, uint32_t mode, tally_file *file,
                              int32_t *os_error);
    /** Called in a forked child too, before fork returns in it: must not wait for another thread there. */
    tally_status (*close_file)(void *context, tally_file file, int32_t *os_error);
    /** Reads at most `length` bytes at `offset`; `*done` may be less, and is 0 at the end of the file. */
    tally_status (*read_at)(void *context, tally_file file, void *data, size_t length, uint64_t offset, size_t *done,
                            int32_t *os_error);
    /** Writes at most `length` bytes at `offset`; `*done` may be less, but is not 0 unless `length` is. */
    tally_status (*write_at)(void *context, tally_file file, const void *data, size_t length, uint64_t offset,
                             size_t *done, int32_t *os_error);
    /** The same for at most 1024 pieces in one call. */
    tally_status (*write_slices_at)(void *context, tally_file file, const tally_slice *slices, size_t count,
                                    uint64_t offset, size_t *done, int32_t *os_error);
    /** Returns when the file's bytes, and what is needed to read them back, are on the device. */
    tally_status (*sync_data)(void *context, tally_file file, int32_t *os_error);
    /** Returns when the names in a directory are on the device; TALLY_E_UNSUPPORTED where it cannot be known. */
    tally_status (*sync_directory)(void *context, const char *path, int32_t *os_error);
    tally_status (*file_status)(void *context, tally_file file, tally_file_status *status, int32_t *os_error);
    tally_status (*truncate_file)(void *context, tally_file file, uint64_t size_bytes, int32_t *os_error);
    /**
     * Reserves device space up to `size_bytes` and makes the file at least that long, reading as zeros.
     * On failure the file is as long as before.
     */
    tally_status (*allocate_space)(void *context, tally_file file, uint64_t size_bytes, int32_t *os_error);
    /** Atomic; replaces `to`. */
    tally_status (*rename_file)(void *context, const char *from, const char *to, int32_t *os_error);
    tally_status (*remove_file)(void *context, const char *path, int32_t *os_error);
    tally_status (*make_directory)(void *context, const char *path, uint32_t mode, int32_t *os_error);
    /** TALLY_E_EXISTS when it is not empty. */
    tally_status (*remove_directory)(void *context, const char *path, int32_t *os_error);
    /** Calls `visit` with each name but "." and ".."; a non-zero answer ends the listing. */
    tally_status (*list_directory)(void *context, const char *path, int32_t (*visit)(void *user_data, const char *name),
                                   void *user_data, int32_t *os_error);
    /**
     * Whether the path, which exists, lies on a file system that other machines write too: `*remote` is
     * 1 or 0. There a lock may bind this machine alone, a map may show old bytes, and a sync may end at a
     * server's cache.
     *
     * Told by the file system's type. Remote are NFS, SMB and CIFS, AFS, Coda, Ceph, Lustre, GPFS, the
     * shared disks GFS2 and OCFS2, the folders that VirtualBox and VMware share, and 9P: sandboxes mount
     * their own host with it, where it is in truth local, but nothing tells the two apart. What FUSE
     * mounts (sshfs, and virtiofs too) cannot be told from a local file system in user space and is 0.
     * TALLY_E_UNSUPPORTED where the system does not say.
     */
    tally_status (*is_remote)(void *context, const char *path, int32_t *remote, int32_t *os_error);
    /**
     * An exclusive lock of the whole file, not waiting: TALLY_E_LOCKED when another handle has it, in
     * this process too. It ends with `unlock_file` or the last close; a forked child shares it, so a
     * child closes its copy and never unlocks.
     */
    tally_status (*lock_file)(void *context, tally_file file, int32_t *os_error);
    tally_status (*unlock_file)(void *context, tally_file file, int32_t *os_error);
    /**
     * Maps `length` bytes from `offset` (a multiple of 4096) for reading, shared. They must lie within
     * the file (TALLY_E_RANGE) and stay there: touching a map behind the end of its file kills the process.
     */
    tally_status (*map_file)(void *context, tally_file file, uint64_t offset, size_t length, const void **address,
                             int32_t *os_error);
    void (*unmap)(void *context, const void *address, size_t length);

    /* ------------------------------------------------------------------- clock, identity, random */
    /** Microseconds since 1970-01-01 UTC, may jump. */
    tally_status (*wall_clock_us)(void *context, int64_t *now_us, int32_t *os_error);
    /** Nanoseconds since an unnamed moment, never going back. */
    uint64_t (*monotonic_ns)(void *context);
    /** 16 bytes that are the same until the machine restarts. */
    tally_status (*boot_id)(void *context, uint8_t id[16], int32_t *os_error);
    /** The running process's number; in a forked child the child's. */
    uint64_t (*process_id)(void *context);
    /**
     * This machine's name, to tell people where a lock is held: NUL-terminated, cut to fit. `capacity` counts
     * the NUL; 0 is TALLY_E_LENGTH. A world in memory is called "memory".
     */
    tally_status (*host_name)(void *context, char *name, size_t capacity, int32_t *os_error);
    /** Fills with bytes fit for keys. */
    tally_status (*random_bytes)(void *context, void *data, size_t length, int32_t *os_error);
    /** Sleeps about that long; used only where a header says that a call may wait. */
    void (*sleep_ns)(void *context, uint64_t duration_ns);

    /* ----------------------------------------------------------------------------------- memory */
    /** `size_bytes` > 0, aligned for any type; NULL when there is none. */
    void *(*allocate)(void *context, size_t size_bytes);
    /** Like realloc with `size_bytes` > 0; NULL leaves the old block untouched. */
    void *(*resize)(void *context, void *memory, size_t size_bytes);
    /** Accepts NULL. */
    void (*release)(void *context, void *memory);
    /**
     * Whole pages between two that nobody may touch, zeroed, kept out of swap and core dumps where the
     * system can, zero in a forked child where it can; for key bytes. Wiped on release.
     */
    void *(*allocate_locked)(void *context, size_t size_bytes);
    void (*release_locked)(void *context, void *memory, size_t size_bytes);
    /** Access to locked pages: 0 none, 1 read, 2 read and write. */
    tally_status (*protect)(void *context, void *memory, size_t size_bytes, uint32_t access, int32_t *os_error);

    /* ---------------------------------------------------------------------------------- threads */
    /** The thread has all signals blocked: they are the host's. */
    tally_status (*start_thread)(void *context, void (*run)(void *user_data), void *user_data, tally_thread_id *thread,
                                 int32_t *os_error);
    void (*join_thread)(void *context, tally_thread_id thread);
    tally_status (*mutex_init)(void *context, tally_mutex *mutex, int32_t *os_error);
    void (*mutex_destroy)(void *context, tally_mutex *mutex);
    void (*mutex_lock)(void *context, tally_mutex *mutex);
    void (*mutex_unlock)(void *context, tally_mutex *mutex);
    /** Waits on the monotonic clock, so that a wall clock set by hand ends no wait early. */
    tally_status (*condition_init)(void *context, tally_condition *condition, int32_t *os_error);
    void (*condition_destroy)(void *context, tally_condition *condition);
    /** TALLY_E_TIMEOUT when `timeout_ns` passed; UINT64_MAX waits for ever. May wake for nothing. */
    tally_status (*condition_wait)(void *context, tally_condition *condition, tally_mutex *mutex, uint64_t timeout_ns);
    void (*condition_wake_all)(void *context, tally_condition *condition);
    /**
     * Runs `run` exactly once per `*state` (initially 0) in the process; returns when it has run. A child
     * forked while another thread was inside `run` runs it again.
     */
    void (*once)(void *context, int32_t *state, void (*run)(void));

    /** Announces that `process_barrier` will be used; costs milliseconds the first time. */
    tally_status (*process_barrier_prepare)(void *context);
    /**
     * A full memory barrier on every running thread of the process; TALLY_E_UNSUPPORTED where none
     * exists. Works in a forked child, where it prepares itself.
     */
    tally_status (*process_barrier)(void *context);
    /**
     * `leaving(value)` will run on this thread when it ends, if `value` was set with
     * `thread_exit_arm` on it. One hook per process; setting it again is ignored.
     */
    tally_status (*thread_exit_hook)(void *context, void (*leaving)(void *value), int32_t *os_error);
    void (*thread_exit_arm)(void *context, void *value);
    /** Installs what runs around fork in this process, in this order on every fork. Adds, never removes. */
    tally_status (*fork_hooks)(void *context, void (*before)(void), void (*in_parent)(void), void (*in_child)(void));
} tally_platform;

/** The platform of this system: static, complete, never freed. */
TALLY_API const tally_platform *tally_platform_default(void);

/**
 * A new world in memory: files and names in memory, a wall clock that starts at 2020-01-01 and moves
 * only by tally_platform_memory_advance, pseudo-random bytes that are the same for the same seed.
 * For tests, never for keys. Allocation, threads and the monotonic clock are the system's.
 *
 * Paths begin at its root "/" whether they say so or not; ".." is TALLY_E_UNSUPPORTED, and so is moving
 * a directory to another one. A map is a copy that writes keep up to date.
 *
 * @param seed  of the random bytes
 * @param platform  receives the table; close it with tally_platform_memory_close after every handle
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_NO_MEMORY
 */
TALLY_API tally_status tally_platform_memory_open(uint64_t seed, tally_platform **platform, tally_error *error);
/**
 * Frees a world in memory, with the files that are still open in it, and sets the pointer to NULL;
 * accepts NULL and a pointer to NULL. TALLY_E_TYPE for any other platform, which stays as it is.
 *
 * A platform is a struct, no handle: a copy of the pointer is dangling afterwards, and passing it to any
 * function is a use after free. One thread closes, after the last handle that used it.
 */
TALLY_API tally_status tally_platform_memory_close(tally_platform **platform);
/**
 * Moves the wall clock of a world in memory; negative values move it back.
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_TYPE not a world in memory; TALLY_E_RANGE it stays where it was
 */
TALLY_API tally_status tally_platform_memory_advance(tally_platform *platform, int64_t microseconds);

/**
 * Checks a caller's table: size, and every member set. `context` may be NULL, and a newer, larger table
 * is accepted: this library calls what it knows.
 * @return TALLY_OK; TALLY_E_ALIGNMENT; TALLY_E_STRUCT_SIZE; TALLY_E_NULL with the missing member's name in `error`
 */
TALLY_API tally_status tally_platform_check(const tally_platform *platform, tally_error *error);

#endif
