/* Gates: callbacks that look at a batch before it is committed, and may refuse it. */
#ifndef TALLY_STORE_GATES_H
#define TALLY_STORE_GATES_H

#include "store/store.h"

typedef struct tally_gate_entry tally_gate_entry;
/* A thread that runs gates now; a chain over their C stacks. */
typedef struct tally_gate_caller tally_gate_caller;

/* invariant: entries are in the order in which they were added */
typedef struct tally_gates {
    tally_mutex mutex;
    tally_condition left; /* somebody left a gate that was removed */
    _Atomic(uint32_t) count;
    uint64_t last_number;
    tally_gate_entry *entries[TALLY_GATES_MAX];
    tally_gate_caller *callers;
} tally_gates;

/* Makes and frees body->gates; destructors run. */
tally_status tally_gates_open(tally_store_body *body, tally_error *error);
void tally_gates_close(tally_store_body *body);

/* Runs all gates over the drafts. TALLY_E_REFUSED. `level` is that of the append: a refusal that is recorded reaches
 * it too. */
tally_status tally_gates_run(tally_store_body *body, const tally_draft *drafts, size_t count, uint32_t level,
                             tally_error *error);

/* Whether this thread is inside a gate of this store. */
bool tally_store_in_gate(const tally_store_body *body);

#endif
