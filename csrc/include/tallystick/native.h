/**
 * @file native.h
 * @brief Handlers that never leave C: a counter, a ring buffer, a mask filter.
 *
 * Calling into Python or JavaScript costs a hundred times more than the registry itself. Much of what
 * handlers do, counting, keeping for later, looking whether it matters, does not need to. Each object
 * here has a handler function of the same name and is its `user_data`:
 *
 *     tally_counter *counter = NULL;
 *     tally_counter_open(NULL, &counter, NULL);
 *     tally_registry_register(registry, tally_counter_handler, counter, NULL, &id, NULL);
 *
 * Remove the handler with tally_registry_unregister_wait before closing the object. A handler whose
 * object is closed all the same does no harm: it answers with a failure. One object may serve
 * many registrations, registries and threads. All three are quick and never block.
 */
#ifndef TALLYSTICK_NATIVE_H
#define TALLYSTICK_NATIVE_H

#include "registry.h"

/* ------------------------------------------------------------------------------------------ counter */

/** Counts events and their bytes, striped by thread so that threads do not slow each other. */
typedef struct tally_counter tally_counter;

/** @param platform NULL for the default */
TALLY_API tally_status tally_counter_open(const tally_platform *platform, tally_counter **counter, tally_error *error);
/** Sets the pointer to NULL; accepts NULL; see tally_registry_close for threads. */
TALLY_API tally_status tally_counter_close(tally_counter **counter);
/** The handler: user_data is the tally_counter. Never fails while the counter is open. */
TALLY_API int32_t tally_counter_handler(void *counter, const tally_notice *notice);
/**
 * Reads the sums. Exact when no thread is inside notify, else a moment's view.
 * @param events may be NULL   @param bytes the sum of notice.length; may be NULL
 */
TALLY_API tally_status tally_counter_read(tally_counter *counter, uint64_t *events, uint64_t *bytes,
                                          tally_error *error);

/* --------------------------------------------------------------------------------------------- ring */

/** Copies events into fixed slots for somebody to drain later. Bounded; pushing never blocks. */
typedef struct tally_ring tally_ring;

/** Most slots of a ring, and most bytes of all of them together. */
#define TALLY_RING_SLOTS_MAX 16777216u
#define TALLY_RING_BYTES_MAX 1073741824u

typedef struct tally_ring_options {
    size_t size;
    uint32_t slots;                 /**< how many events fit; rounded up to a power of two; 0: 1024 */
    uint32_t slot_bytes;            /**< longest event kept; rounded up to 8; 0: 256 */
    const tally_platform *platform; /**< NULL: the default */
    /**
     * Called by the thread whose push made an emptied ring not empty: once, until the ring has been
     * drained empty again. Must not block: it typically signals an event loop. May be NULL.
     */
    void (*wake)(void *user_data);
    void *wake_user_data;
} tally_ring_options;

/** What a ring has counted since it was opened. */
typedef struct tally_ring_counts {
    uint64_t pushed;       /**< kept */
    uint64_t drained;      /**< taken out */
    uint64_t dropped_full; /**< lost because no slot was free */
    uint64_t dropped_long; /**< lost because longer than slot_bytes */
} tally_ring_counts;

/** One event out of a ring; the data follow each other in the caller's buffer. */
typedef struct tally_ring_event {
    uint64_t sequence; /**< counts kept events from 0 */
    uint32_t kind;
    uint32_t length; /**< in bytes */
    size_t offset;   /**< of its data in the caller's buffer, a multiple of 8 */
} tally_ring_event;

/** @return TALLY_OK; TALLY_E_RANGE more than the maxima; TALLY_E_STRUCT_SIZE; TALLY_E_NO_MEMORY */
TALLY_API tally_status tally_ring_open(const tally_ring_options *options, tally_ring **ring, tally_error *error);
/** Drops what was not drained. Sets the pointer to NULL; accepts NULL. */
TALLY_API tally_status tally_ring_close(tally_ring **ring);
/** The handler: user_data is the tally_ring. A full ring or a long event is counted, not a failure. */
TALLY_API int32_t tally_ring_handler(void *ring, const tally_notice *notice);
/**
 * Takes events out, oldest first. Any thread, one at a time (others wait).
 *
 * @param events    receives one row per event   @param capacity  rows that fit, at least 1
 * @param data      receives the bytes           @param data_capacity  bytes that fit
 * @param count     receives how many events were taken; 0 when the ring is empty
 * @return TALLY_OK; TALLY_E_SPACE the buffer cannot hold even the first event, nothing was taken,
 *         and error->position is the size it needs; TALLY_E_NULL; TALLY_E_RANGE capacity is 0; …
 */
TALLY_API tally_status tally_ring_drain(tally_ring *ring, tally_ring_event *events, size_t capacity, void *data,
                                        size_t data_capacity, size_t *count, tally_error *error);
/** What the ring has counted since it was opened. @param counts receives the numbers */
TALLY_API tally_status tally_ring_count(tally_ring *ring, tally_ring_counts *counts, tally_error *error);

/* --------------------------------------------------------------------------------------------- mask */

/** Hands on only the events that have certain bits, to another native handler. */
typedef struct tally_mask tally_mask;

typedef struct tally_mask_options {
    size_t size;
    uint64_t mask;               /**< which bits count; not 0 */
    uint64_t match;              /**< what they must be; no bit outside `mask` */
    size_t offset;               /**< of the little-endian number in the event's data */
    uint32_t width;              /**< of that number in bytes: 1, 2, 4 or 8 */
    uint32_t reserved;           /**< 0 */
    tally_handler handler;       /**< what gets the events that match; its answer is the mask's answer */
    void *user_data;             /**< of `handler` */
    tally_destructor destructor; /**< of user_data, run at close; may be NULL */
    const tally_platform *platform;
} tally_mask_options;

/** @return TALLY_OK; TALLY_E_NULL handler; TALLY_E_LIMIT the 17th mask in a row; TALLY_E_RANGE mask, match or width; TALLY_E_OVERFLOW offset; … */
TALLY_API tally_status tally_mask_open(const tally_mask_options *options, tally_mask **mask, tally_error *error);
/** Runs the destructor. Sets the pointer to NULL; accepts NULL. */
TALLY_API tally_status tally_mask_close(tally_mask **mask);
/** The handler: user_data is the tally_mask. Events too short to hold the number do not match. */
TALLY_API int32_t tally_mask_handler(void *mask, const tally_notice *notice);
/** How many events matched and how many did not. Both may be NULL. */
TALLY_API tally_status tally_mask_count(tally_mask *mask, uint64_t *matched, uint64_t *passed_over, tally_error *error);

#endif
