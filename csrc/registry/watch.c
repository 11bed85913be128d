#include "registry/watch.h"

#include "base/error.h"
#include "registry/writer.h"

static tally_lent *lent_of(const tally_body *body) { return (tally_lent *)(void *)body->host; }

/* The word is the host's memory, which it reads with a plain load: aligned, so never half-written. */
void tally_watches_raise(const tally_body *body)
{
    if (body->host == NULL) return;
    for (tally_watch *watch = lent_of(body)->watches; watch != NULL; watch = watch->next) {
        (void)atomic_fetch_add_explicit((_Atomic(uint32_t) *)watch->word, 1, memory_order_release);
    }
}

tally_watch *tally_watches_take(tally_body *body)
{
    if (body->host == NULL) return NULL;
    tally_watch *watches = lent_of(body)->watches;
    lent_of(body)->watches = NULL;
    for (tally_watch *watch = watches; watch != NULL; watch = watch->next) body->memory_bytes -= sizeof *watch;
    return watches;
}

void tally_watches_release(tally_body *body, tally_watch *watches)
{
    const tally_platform *platform = body->platform;
    while (watches != NULL) {
        tally_watch *next = watches->next;
        platform->release(platform->context, watches);
        watches = next;
    }
}

tally_status tally_registry_watch(tally_registry *registry, uint32_t *word, tally_error *error)
{
    tally_error_clear(error);
    if (word == NULL) return tally_fail(error, TALLY_E_NULL, "word is NULL; it is raised at every change");
    if ((uintptr_t)word % _Alignof(uint32_t) != 0) {
        return tally_fail(error, TALLY_E_ALIGNMENT, "word is not aligned to 4 bytes");
    }
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    tally_body *body = writer.body;
    tally_watch *watch = body->host == NULL ? NULL : tally_body_allocate(body, sizeof *watch);
    if (body->host == NULL) {
        status =
            tally_fail(error, TALLY_E_ARGUMENT, "the registry has no host; open it with tally_registry_options.host");
    } else if (watch == NULL) {
        status = tally_fail(error, TALLY_E_NO_MEMORY, "no memory to watch a registry");
    } else {
        watch->word = word;
        watch->next = lent_of(body)->watches;
        lent_of(body)->watches = watch;
    }
    tally_writer_end(&writer);
    return status;
}

tally_status tally_registry_unwatch(tally_registry *registry, const uint32_t *word, tally_error *error)
{
    tally_error_clear(error);
    tally_writer writer;
    tally_status status = tally_writer_begin(&writer, registry, error);
    if (status != TALLY_OK) return status;
    tally_body *body = writer.body;
    tally_watch *none = NULL;
    tally_watch **link = body->host == NULL ? &none : &lent_of(body)->watches;
    while (*link != NULL && (*link)->word != word) link = &(*link)->next;
    tally_watch *watch = *link;
    if (watch != NULL) {
        *link = watch->next;
        tally_body_release(body, watch, sizeof *watch);
    }
    tally_writer_end(&writer);
    return TALLY_OK;
}
