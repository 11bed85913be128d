/* The general loop: everything that notify's fast path is not about. */
#ifndef TALLY_REGISTRY_DISPATCH_H
#define TALLY_REGISTRY_DISPATCH_H

#include "registry/body.h"

/* One fan-out. */
typedef struct tally_run {
    tally_thread *self;
    const tally_notice *notice;
    const tally_observer *observer; /* or NULL */
    tally_error *error;             /* or NULL */
    tally_notified done;
    tally_status status; /* TALLY_OK, TALLY_E_HANDLER, TALLY_E_ABORTED */
    bool stop;
    bool away; /* the host's lock is given up */
    void *token;
    const tally_registry_host *host; /* whose lock it is */
} tally_run;

/* A whole notify. The notice has been checked. */
tally_status tally_dispatch(tally_slot *slot, const tally_notice *notice, const tally_observer *observer,
                            tally_notified *out, tally_error *error);

/* One part of one registry, without its ancestors. All arguments have been checked. */
tally_status tally_dispatch_part(tally_slot *slot, const tally_notice *notice, const tally_part *part,
                                 const tally_observer *observer, tally_notified *out, tally_error *error);

/* The rest of a fast notify from the first handler that did not answer DONE: the one of
 * `entry` answered `code`, the ones before it were done. The hazard stays the caller's. */
tally_status tally_dispatch_rest(tally_thread *self, tally_hazard *hazard, tally_entry *entry, int32_t code,
                                 const tally_notice *notice, tally_notified *out, tally_error *error);

/* TALLY_OK, or what is wrong with a notice. */
tally_status tally_notice_check(const tally_notice *notice, tally_error *error);

#endif
