/* Jobs: asynchronous calls on their way through the store's thread. */
#ifndef TALLY_STORE_JOBS_H
#define TALLY_STORE_JOBS_H

#include "store/completions.h"
#include "store/prepare.h"

/* One call, with everything that it needs in one block of memory. */
typedef struct tally_job {
    struct tally_job *next;
    size_t bytes; /* that it counts in the queue */
    bool is_wait;
    bool staged;
    uint32_t level;
    uint64_t first;          /* a wait: its position, or TALLY_POSITION_NONE until it is known; an append: where */
    uint64_t end;            /* the level counts for all events before it */
    tally_prepared prepared; /* of an append; without a scratch */
    tally_receipt *receipts; /* the caller's, may be NULL */
    tally_receipt *own;      /* as many, in the job's memory */
    tally_completions_body *completions;
    tally_report *report;
} tally_job;

/* invariant: `bytes` is the sum over the queue */
typedef struct tally_jobs {
    tally_mutex mutex; /* guards the queue; the log's mutex is never taken inside */
    tally_job *first;
    tally_job *last;
    uint64_t bytes;
    tally_job *waiting; /* waits for what has not come; only the store's thread touches it */
} tally_jobs;

/* Makes body->jobs and hands its service to the log's thread. */
tally_status tally_jobs_open(tally_store_body *body, tally_error *error);
/* The thread has stopped and the log is finished: what still waits is told, and all is freed. */
void tally_jobs_close(tally_store_body *body);

/* TALLY_E_BUSY: the queue is full. Else the job is the queue's. */
tally_status tally_jobs_put(tally_store_body *body, tally_job *job, tally_error *error);
/* Bytes in the queue now. */
uint64_t tally_jobs_bytes(const tally_store_body *body);

#endif
