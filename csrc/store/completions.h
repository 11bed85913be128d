/* Completions: where asynchronous calls report. */
#ifndef TALLY_STORE_COMPLETIONS_H
#define TALLY_STORE_COMPLETIONS_H

#include <stdbool.h>

#include <tallystick/append.h>

#include "handle/gate.h"

/* One completion on its way; made with the call, so that reporting cannot fail. */
typedef struct tally_report {
    struct tally_report *next;
    tally_completion completion;
} tally_report;

/* invariant: the object lives as long as its handle or a report that was not put yet */
typedef struct tally_completions_body {
    tally_slot *slot;
    const tally_platform *platform;
    tally_mutex mutex;
    void (*wake)(void *user_data);
    void *user_data;
    tally_report *first; /* oldest */
    tally_report *last;
    uint64_t holders; /* the handle, and reports that were not put yet */
    uint32_t waking;  /* threads inside `wake` */
    bool closed;
} tally_completions_body;

/* A report for a call that begins; NULL without memory. The caller is inside the gate. */
tally_report *tally_report_new(tally_completions_body *body, uint64_t token);
/* Puts it, or frees it when the handle was closed. `wake` runs under no lock of this library. */
void tally_report_put(tally_completions_body *body, tally_report *report);
/* The call was not accepted after all. */
void tally_report_drop(tally_completions_body *body, tally_report *report);

#endif
