#include "store/signing.h"

#include <string.h>

#include "base/error.h"
#include "log/log.h"

/* A head comes this long after the first durable event that it is for: within 100 ms, with time to make it. */
#define HEAD_AFTER_NS UINT64_C(60000000)
/* The background hashes so many events at once: a millisecond or two. */
#define SLICE_EVENTS 4096u
#define RETRY_NS UINT64_C(1000000000)
#define SYNC_AFTER_NS UINT64_C(20000000)

static uint64_t now_ns(const tally_store_body *body) { return body->platform->monotonic_ns(body->platform->context); }

/* -------------------------------------------------------------------------------------------- turn */

static void lock(const tally_store_body *body)
{
    body->platform->mutex_lock(body->platform->context, &body->signing->mutex);
}

static void unlock(const tally_store_body *body)
{
    body->platform->mutex_unlock(body->platform->context, &body->signing->mutex);
}

static bool try_take(tally_store_body *body)
{
    tally_store_signing *signing = body->signing;
    lock(body);
    bool taken = !signing->busy;
    if (taken) {
        signing->busy = true;
        signing->owner = tally_thread_attach();
    }
    unlock(body);
    return taken;
}

tally_status tally_store_signing_take(tally_store_body *body, tally_error *error)
{
    const tally_platform *platform = body->platform;
    tally_store_signing *signing = body->signing;
    const tally_thread *self = tally_thread_attach();
    tally_status status = TALLY_OK;
    lock(body);
    if (signing->busy && signing->owner == self && self != NULL) {
        status = tally_fail(error, TALLY_E_WOULD_BLOCK, "the signer's own callbacks may not call for heads and proofs");
    }
    while (status == TALLY_OK && signing->busy) {
        (void)platform->condition_wait(platform->context, &signing->changed, &signing->mutex, UINT64_MAX);
    }
    if (status == TALLY_OK) {
        signing->busy = true;
        signing->owner = self;
    }
    unlock(body);
    return status;
}

static void publish(tally_store_body *body)
{
    tally_store_signing *signing = body->signing;
    const tally_head_signer *signer = &signing->signer;
    tally_signing_state *state = &signing->state;
    state->is_signed = body->read_only ? signer->newest_length != 0 : tally_signer_is_set(signer);
    state->is_guarded = signer->guarded;
    state->tree_size = signer->tree.frontier.size;
    state->signed_size = signer->newest_length != 0 ? signer->newest_size : 0;
    state->failures = signer->failures;
    state->mirror_failures = signer->mirror_failures;
    memcpy(state->origin, signer->origin, sizeof state->origin);
    memcpy(state->vkey, signer->key.vkey, sizeof state->vkey);
    memcpy(state->failure, signer->failure, sizeof state->failure);
    atomic_store_explicit(&signing->signed_size, state->signed_size, memory_order_release);
    atomic_store(&signing->tree_size, state->tree_size);
    uint64_t made_ns = atomic_load(&signing->unsynced_ns);
    if (!signer->notes.unsynced || signer->notes.count == 0) atomic_store(&signing->unsynced_ns, 0);
    else if (made_ns == 0) atomic_store(&signing->unsynced_ns, now_ns(body));
}

void tally_store_signing_leave(tally_store_body *body)
{
    const tally_platform *platform = body->platform;
    tally_store_signing *signing = body->signing;
    lock(body);
    publish(body);
    signing->busy = false;
    signing->owner = NULL;
    platform->condition_wake_all(platform->context, &signing->changed);
    unlock(body);
}

uint64_t tally_store_signing_look(tally_store_body *body, tally_view **view)
{
    uint64_t durable = tally_shown_marks(body->shown).durable;
    *view = tally_shown_hold(body->shown);
    return durable;
}

/* ------------------------------------------------------------------------------------ open, close */

tally_status tally_store_signing_new(tally_store_body *body, tally_error *error)
{
    const tally_platform *platform = body->platform;
    int32_t os_error = 0;
    tally_store_signing *signing = platform->allocate(platform->context, sizeof *signing);
    if (signing == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a store");
    memset(signing, 0, sizeof *signing);
    body->signing = signing;
    tally_status status = platform->mutex_init(platform->context, &signing->mutex, &os_error);
    if (status == TALLY_OK) {
        status = platform->condition_init(platform->context, &signing->changed, &os_error);
        if (status != TALLY_OK) platform->mutex_destroy(platform->context, &signing->mutex);
    }
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, NULL, "the system refused a lock");
    signing->ready = true;
    signing->is_given = body->options.signing != NULL;
    if (signing->is_given) status = tally_signing_read(body->options.signing, &signing->known, error);
    return status;
}

tally_status tally_store_signing_admit(void *context, const tally_found *found, tally_error *error)
{
    tally_store_body *body = context;
    tally_store_signing *signing = body->signing;
    char origin[TALLY_ORIGIN_MAX + 1];
    bool is_new = found->name[0] == '\0';
    if (is_new && !signing->is_given) return TALLY_OK; /* it gets its origin later */
    tally_origin_write(found->name, found->lineage, origin);
    tally_status status = tally_signer_open(&signing->signer, &body->folder, signing->is_given ? &signing->known : NULL,
                                            origin, !body->read_only, error);
    if (is_new) {
        tally_signer_close(&signing->signer);
        if (status != TALLY_E_ORIGIN) return status;
        return tally_fail(error, status,
                          "a new store has no origin yet that a key could be made for: make it without "
                          "a key, make a key for its origin, open it again with it");
    }
    if (status == TALLY_OK) status = tally_signer_admit(&signing->signer, found->next_position, error);
    return status;
}

tally_status tally_store_signing_start(tally_store_body *body, tally_error *error)
{
    tally_store_signing *signing = body->signing;
    tally_head_signer *signer = &signing->signer;
    tally_view *view;
    tally_status status = TALLY_OK;
    if (signer->platform == NULL) { /* a new store: nothing was found to compare with */
        char origin[TALLY_ORIGIN_MAX + 1];
        tally_origin_write(body->info.name, body->info.lineage, origin);
        status = tally_signer_open(signer, &body->folder, signing->is_given ? &signing->known : NULL, origin,
                                   !body->read_only, error);
    }
    if (status == TALLY_OK && signing->is_given) {
        (void)tally_store_signing_look(body, &view);
        uint64_t events = tally_shown_end(body->shown);
        if (body->read_only) status = tally_signer_admit(signer, events, error);
        if (status == TALLY_OK) status = tally_signer_check(signer, view, events, error);
        if (view != NULL) tally_view_release(view);
    }
    signing->every_commit =
        signing->is_given && (signing->known.flags & TALLY_SIGNING_EVERY_COMMIT) != 0 && tally_signer_is_set(signer);
    memset(&signing->known, 0, sizeof signing->known);
    body->options.signing = NULL;
    if (status != TALLY_OK) return status;
    publish(body);
    if (body->log != NULL) body->log->watch_durable = tally_signer_is_set(signer);
    return TALLY_OK;
}

void tally_store_signing_free(tally_store_body *body)
{
    const tally_platform *platform = body->platform;
    tally_store_signing *signing = body->signing;
    if (signing == NULL) return;
    tally_signer_close(&signing->signer);
    if (signing->ready) {
        platform->condition_destroy(platform->context, &signing->changed);
        platform->mutex_destroy(platform->context, &signing->mutex);
    }
    platform->release(platform->context, signing);
    body->signing = NULL;
}

void tally_store_signing_in_child(tally_store_body *body)
{
    tally_store_signing *signing = body->signing;
    if (signing == NULL || !signing->signer.guarded) return;
    signing->signer.guarded = false;
    tally_state_close(&signing->signer.state);
}

/* ------------------------------------------------------------------------------------------- heads */

/* With the signer taken. */
static tally_status make_head(tally_store_body *body, tally_error *error)
{
    tally_store_signing *signing = body->signing;
    tally_view *view;
    tally_error why = {.status = TALLY_OK};
    uint64_t durable = tally_store_signing_look(body, &view);
    tally_status status = TALLY_OK;
    if (view != NULL) status = tally_signer_make(&signing->signer, view, durable, &why);
    if (view != NULL) tally_view_release(view);
    tally_signer_failed(&signing->signer, status, &why);
    if (status != TALLY_OK && error != NULL) *error = why;
    return status;
}

void tally_store_signing_finish(tally_store_body *body)
{
    tally_store_signing *signing = body->signing;
    if (signing == NULL || signing->signer.platform == NULL || !tally_signer_is_set(&signing->signer)) return;
    tally_log *log = body->log;
    tally_log_lock(log);
    bool whole = log->failure.status == TALLY_OK;
    tally_log_unlock(log);
    if (whole && body->shown != NULL && tally_shown_marks(body->shown).durable != 0) (void)make_head(body, NULL);
    (void)tally_notes_sync(&signing->signer.notes, NULL);
}

/* A large part of the tree is hashed piece by piece, so that nobody waits for the background. True: there is more. */
static bool hash_slice(tally_store_body *body)
{
    tally_view *view;
    tally_tree *tree = &body->signing->signer.tree;
    uint64_t durable = tally_store_signing_look(body, &view);
    bool large = view != NULL && durable - tree->frontier.size > SLICE_EVENTS && tree->frontier.size < durable;
    bool more = large && tally_tree_update(tree, view, durable, SLICE_EVENTS, NULL) == TALLY_OK;
    if (view != NULL) tally_view_release(view);
    return more;
}

/* The newest record of CHECKPOINTS is synced when nobody asks for heads, so that the next head need not wait for it.
 * How long until that is. */
static uint64_t sync_notes(tally_store_body *body, uint64_t now)
{
    tally_store_signing *signing = body->signing;
    uint64_t made_ns = atomic_load(&signing->unsynced_ns);
    if (made_ns == 0) return UINT64_MAX;
    if (now - made_ns < SYNC_AFTER_NS) return SYNC_AFTER_NS - (now - made_ns);
    if (!try_take(body)) return SYNC_AFTER_NS;
    /* A failure is tried again, and told, before the next record. */
    (void)tally_notes_sync(&signing->signer.notes, NULL);
    tally_store_signing_leave(body);
    atomic_store(&signing->unsynced_ns, 0);
    return UINT64_MAX;
}

bool tally_store_signing_serve(tally_store_body *body, uint64_t *rest_ns)
{
    tally_store_signing *signing = body->signing;
    *rest_ns = UINT64_MAX;
    if (!body->log->watch_durable) return false;
    uint64_t durable = tally_shown_marks(body->shown).durable;
    uint64_t now = now_ns(body);
    if (durable <= atomic_load_explicit(&signing->signed_size, memory_order_acquire)) {
        atomic_store(&signing->due_ns, 0);
        *rest_ns = sync_notes(body, now);
        return false;
    }
    uint64_t due_ns = atomic_load(&signing->due_ns);
    if (due_ns == 0) atomic_store(&signing->due_ns, due_ns = now + HEAD_AFTER_NS);
    if (now < due_ns && durable - atomic_load(&signing->tree_size) <= SLICE_EVENTS) {
        *rest_ns = due_ns - now;
        return false;
    }
    *rest_ns = HEAD_AFTER_NS / 8;
    if (!try_take(body)) return false; /* who has it makes one, perhaps */
    bool more = hash_slice(body);
    if (!more && now >= due_ns) {
        tally_status status = make_head(body, NULL);
        atomic_store(&signing->due_ns, status == TALLY_OK ? 0 : now_ns(body) + RETRY_NS);
        *rest_ns = status == TALLY_OK ? SYNC_AFTER_NS : RETRY_NS;
    }
    tally_store_signing_leave(body);
    return more;
}

tally_status tally_store_signing_reach(tally_store_body *body, uint64_t position, tally_error *error)
{
    tally_store_signing *signing = body->signing;
    const tally_thread *self = tally_thread_attach();
    if (atomic_load_explicit(&signing->signed_size, memory_order_acquire) >= position) return TALLY_OK;
    lock(body);
    bool own = signing->busy && signing->owner == self && self != NULL;
    unlock(body);
    if (own) return TALLY_OK; /* an event of the signer itself, or of its callback: the head is still to come */
    tally_status status = tally_store_signing_take(body, error);
    if (status != TALLY_OK) return status;
    status = make_head(body, error);
    tally_store_signing_leave(body);
    return status;
}
