/* What happens when a handler fails, and what a registry says when nobody asked. */
#ifndef TALLY_REGISTRY_FAILURE_H
#define TALLY_REGISTRY_FAILURE_H

#include "registry/body.h"

/* Fills in what is known about the failure of an entry's handler on this thread, taking what
 * tally_handler_fail said for it. Texts are borrowed from the thread and the record. */
void tally_failure_describe(tally_failure *failure, tally_thread *self, const tally_snapshot *snapshot,
                            const tally_entry *entry, int32_t code, const tally_notice *notice);

/* Counts the failure at its handler and keeps its message; returns how often it has failed. */
uint32_t tally_failure_record(tally_body *body, tally_record *record, const tally_failure *failure);
uint32_t tally_failure_record_locked(tally_body *body, tally_record *record, const tally_failure *failure);

/* To on_panic, or to the host's log, exactly once. Under no lock. */
void tally_failure_report(tally_body *body, tally_thread *self, const tally_failure *failure);

void tally_log_leak(tally_body *body);

#endif
