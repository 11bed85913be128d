/* Writing: the frame of every call that changes a registry.
 *
 *     tally_writer writer;
 *     tally_status status = tally_writer_begin(&writer, registry, error);
 *     if (status != TALLY_OK) return status;
 *     … change writer.body, publish …
 *     tally_writer_end(&writer);
 *
 * Between begin and end the stripe of the registry is held. What the change set free is collected in
 * the writer's garbage; destructors run in end, after the stripe is given up. */
#ifndef TALLY_REGISTRY_WRITER_H
#define TALLY_REGISTRY_WRITER_H

#include "registry/body.h"
#include "registry/snapshot.h"

/* Unlinked, out of everybody's reach, to be freed without a lock. */
typedef struct tally_garbage {
    tally_snapshot *snapshots;
    tally_extra *extras;
    tally_panic *panics;
} tally_garbage;

typedef struct tally_writer {
    tally_call call;
    tally_body *body;
    tally_garbage garbage;
} tally_writer;

tally_status tally_writer_begin(tally_writer *writer, tally_registry *registry, tally_error *error);
void tally_writer_end(tally_writer *writer);

/* The end of a call that only looked: nothing was set free, and no user code runs. */
void tally_writer_end_looking(tally_writer *writer);

/* The stripe of a body, for readers that meet a failure and for queries. */
void tally_body_lock(const tally_body *body);
void tally_body_unlock(const tally_body *body);

/* Makes a snapshot current and retires the one before. `snapshot` NULL: empty. */
void tally_publish(tally_body *body, tally_snapshot *snapshot);

/* Takes a live handler out: its function is overwritten wherever a thread may still read it, its id
 * forgotten. `index` is its place in the current snapshot, which has the dead entry until the next
 * publish (body->stale). False when it had been claimed. */
bool tally_retire_handler(tally_body *body, uint32_t record, uint32_t index);

/* The same for all handlers in state LEAVING, in one pass; returns how many. */
uint64_t tally_retire_leaving(tally_body *body);

/* Publishes the live handlers after a retirement; `dead_index` is the only dead entry. Without memory
 * the present snapshot stays: its dead entries are skipped, and the next writer tries again. */
void tally_publish_without(tally_body *body, uint32_t dead_index);
void tally_publish_live(tally_body *body);

/* Takes `once` handlers that ran off the list. */
void tally_sweep_claimed(tally_body *body);

/* Moves what no thread uses any more into `garbage`. Removed handlers only if `with_handlers`: not
 * inside notify, because their destructors would run there. TALLY_E_UNSUPPORTED: nothing, ever. */
tally_status tally_reclaim_body(tally_body *body, tally_garbage *garbage, bool with_handlers);

/* The same at the end of a write, when enough has gathered to be worth a barrier, or when what was
 * removed has destructors, which run as soon as they can. */
void tally_reclaim_if_due(tally_writer *writer, bool has_destructor);

/* Parts of unregister, for those who do more than that. */
tally_status tally_unregister_in(tally_writer *writer, tally_handler_id id, int32_t *removed, tally_error *error);

/* How many removed handlers still wait for their destructor. */
uint64_t tally_pending_destructors(const tally_body *body);

/* Runs destructors and frees. Under no lock. */
void tally_garbage_dispose(tally_body *body, tally_garbage *garbage);

/* Whether some thread is inside the handler of a removed record, or cannot be asked. */
bool tally_handler_is_running(tally_body *body, uint32_t record);

#endif
