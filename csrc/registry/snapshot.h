/* Building snapshots. */
#ifndef TALLY_REGISTRY_SNAPSHOT_H
#define TALLY_REGISTRY_SNAPSHOT_H

#include "registry/body.h"

/* A handler on its way into a snapshot. */
typedef struct tally_addition {
    tally_handler function;
    void *user_data;
    uint32_t record;
    int32_t priority;
} tally_addition;

/* A snapshot of the body's live handlers: those of the current one that are still live, merged with
 * `additions`, which are sorted as notify will call them. NULL without memory. */
tally_snapshot *tally_snapshot_merge(tally_body *body, const tally_addition *additions, uint32_t count);

/* The current snapshot with one entry more or less: memory is copied, records are not looked at.
 * `at` is where the entry goes or is; `addition` NULL removes. NULL without memory. */
tally_snapshot *tally_snapshot_splice(tally_body *body, uint32_t at, const tally_addition *addition);

/* Where in the current snapshot a new handler of a priority goes, behind its equals. */
uint32_t tally_snapshot_place_for(const tally_body *body, int32_t priority);

/* The entry of a record in a snapshot, or NULL. O(log n) in the current one, O(n) in retired ones. */
tally_entry *tally_snapshot_entry_of(tally_snapshot *snapshot, uint32_t record);
uint32_t tally_snapshot_index_of(const tally_body *body, uint32_t record);

/* Why the body's snapshots need the general loop now: SNAPSHOT_ flags. */
uint32_t tally_snapshot_flags(const tally_body *body);

/* The word for slot->live. */
uintptr_t tally_snapshot_live_word(const tally_body *body, const tally_snapshot *snapshot);

/* The list of a kind, or NULL when no handler names it. */
static inline const tally_kind_list *tally_snapshot_kind(const tally_snapshot *snapshot, uint32_t kind)
{
    if (kind == TALLY_KIND_NONE) return NULL;
    uint32_t mask = snapshot->kind_table_size - 1;
    for (uint32_t at = (kind * 0x9e3779b1u) & mask;; at = (at + 1) & mask) {
        if (snapshot->kind_table[at].kind == kind) return &snapshot->kind_table[at];
        if (snapshot->kind_table[at].kind == TALLY_KIND_NONE) return NULL;
    }
}

/* What a removed handler's function is overwritten with; never called for its effect. */
int32_t tally_handler_removed(void *user_data, const tally_notice *notice);

#endif
