/* Lists of names. */
#include <string.h>

#include <tallystick/reader.h>

#include "base/error.h"
#include "base/text.h"
#include "log/listing.h"
#include "store/store.h"

/* Where a page of a list goes. */
typedef struct list_page {
    tally_listed *items;
    size_t capacity;
    char *text;
    size_t text_capacity;
    size_t text_used;
    size_t count;
} list_page;

static tally_status check(uint32_t what, tally_text prefix, tally_text after, const list_page *page,
                          const size_t *count, tally_error *error)
{
    if (count == NULL || page->items == NULL || (page->text == NULL && page->text_capacity != 0)) {
        return tally_fail(error, TALLY_E_NULL, "items, text or count is NULL");
    }
    if (what == TALLY_LIST_SUBJECTS) {
        return tally_fail(error, TALLY_E_UNSUPPORTED, "the store has no keyring, so no event has a subject");
    }
    if (what < TALLY_LIST_STREAMS || what > TALLY_LIST_SUBJECTS) {
        return tally_fail(error, TALLY_E_OPTION, "what is %u; there is no such list", what);
    }
    if (page->capacity > PTRDIFF_MAX || page->text_capacity > PTRDIFF_MAX) {
        return tally_fail(error, TALLY_E_LENGTH, "capacity or text_capacity is more than there can be");
    }
    if (page->capacity == 0) return tally_fail(error, TALLY_E_RANGE, "capacity is 0; there is room for no name");
    tally_status status = tally_name_check(prefix.bytes, prefix.length, 0, TALLY_STREAM_MAX, "the prefix", error);
    if (status != TALLY_OK) return status;
    return tally_name_check(after.bytes, after.length, 0, TALLY_STREAM_MAX, "the name to go on behind", error);
}

static tally_status fill(tally_listing *listing, list_page *page, tally_error *error)
{
    while (page->count < page->capacity) {
        bool found;
        tally_name_figures figures;
        tally_status status = tally_listing_next(listing, &found, &figures, error);
        if (status != TALLY_OK || !found) return status;
        if (figures.name.length > page->text_capacity - page->text_used) {
            if (page->count > 0) return TALLY_OK;
            return tally_fail(error, TALLY_E_SPACE, "the next name has %zu bytes; there is room for %zu",
                              figures.name.length, page->text_capacity);
        }
        char *name = page->text + page->text_used;
        memcpy(name, figures.name.bytes, figures.name.length);
        page->text_used += figures.name.length;
        page->items[page->count++] =
            (tally_listed){{name, figures.name.length}, figures.count, figures.first_position, figures.last_position};
    }
    return TALLY_OK;
}

static tally_status list(tally_store_body *body, uint32_t what, tally_text prefix, tally_text after, list_page *page,
                         tally_error *error)
{
    static const uint32_t kinds[] = {0, TALLY_KEY_STREAM, TALLY_KEY_TYPE, TALLY_KEY_TAG};
    tally_look look;
    tally_status status = tally_store_view_now(body, &look, error);
    if (status != TALLY_OK) return status;
    if (look.view != NULL) {
        tally_listing *listing = NULL;
        status = tally_listing_new(look.view, look.end, kinds[what], prefix, after, &listing, error);
        if (status == TALLY_OK) status = fill(listing, page, error);
        tally_listing_free(listing);
    }
    tally_view_release(look.view);
    return status;
}

/* NOLINTBEGIN(readability-non-const-parameter) */
tally_status tally_store_list(tally_store *store, uint32_t what, tally_text prefix, tally_text after,
                              tally_listed *items, size_t capacity, char *text, size_t text_capacity, size_t *count,
                              tally_error *error)
{ /* NOLINTEND(readability-non-const-parameter) */
    tally_call call;
    tally_store_body *body;
    list_page page = {items, capacity, text, text_capacity, 0, 0};
    if (count != NULL) *count = 0;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = check(what, prefix, after, &page, count, error);
    if (status == TALLY_OK) status = list(body, what, prefix, after, &page, error);
    if (status == TALLY_OK && count != NULL) *count = page.count;
    tally_gate_leave(&call);
    return status;
}
