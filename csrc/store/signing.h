/* The store's signer: one call at a time works with it, whoever comes, and the background. Callbacks of the caller
 * (signing, mirror) run inside such a call, under no lock. */
#ifndef TALLY_STORE_SIGNING_H
#define TALLY_STORE_SIGNING_H

#include "handle/thread.h"
#include "log/recover.h"
#include "sign/signer.h"
#include "store/store.h"

typedef struct tally_store_signing {
    tally_mutex mutex; /* guards `busy`, `owner`, `state` */
    tally_condition changed;
    bool ready; /* both of them exist */
    bool busy;  /* a thread works with the signer */
    const tally_thread *owner;
    tally_signing known; /* during open alone */
    bool is_given;
    bool every_commit;
    tally_signing_state state; /* as of the last time that the signer was left */
    _Atomic(uint64_t) signed_size;
    _Atomic(uint64_t) tree_size;
    _Atomic(uint64_t) unsynced_ns; /* since when the newest record of CHECKPOINTS waits to be synced; 0: it does not */
    _Atomic(uint64_t) due_ns;      /* when the next head is due; 0: none is */
    tally_head_signer signer;
} tally_store_signing;

/* Makes body->signing; reads the options' `signing`. Touches no file. */
tally_status tally_store_signing_new(tally_store_body *body, tally_error *error);
/* By recovery, before it changes anything: opens the signer for what was found, and refuses what it does not extend. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
tally_status tally_store_signing_admit(void *body, const tally_found *found, tally_error *error);
/* When the log is open: compares the roots; heads are made from now on. */
tally_status tally_store_signing_start(tally_store_body *body, tally_error *error);
/* The last head, of a log that was finished. */
void tally_store_signing_finish(tally_store_body *body);
void tally_store_signing_free(tally_store_body *body);
/* The lock of the signer's memory is the parent's too. */
void tally_store_signing_in_child(tally_store_body *body);

/* The background's part: makes the head that is due, or a slice of the tree. True: there is more to do at once;
 * else it may rest so long. */
bool tally_store_signing_serve(tally_store_body *body, uint64_t *rest_ns);
/* Returns when a signed head covers the events below `position`, which are durable. */
tally_status tally_store_signing_reach(tally_store_body *body, uint64_t position, tally_error *error);

/* The signer for this thread alone, until it is left. TALLY_E_WOULD_BLOCK inside a callback of it. */
tally_status tally_store_signing_take(tally_store_body *body, tally_error *error);
void tally_store_signing_leave(tally_store_body *body);

/* What is durable now, and a view of it, which is held. */
uint64_t tally_store_signing_look(tally_store_body *body, tally_view **view);

#endif
