#include "base/error.h"
#include "log/lookup.h"
#include "log/match.h"

/* One event, for the comparison of a name that no index has whole. */
static tally_status fits(const tally_platform *platform, const tally_match *match, const tally_view *view,
                         uint64_t position, bool *result, tally_error *error)
{
    tally_place place;
    tally_event event;
    tally_status status = tally_lookup_place(view, position, &place, error);
    if (status != TALLY_OK) return status;
    uint8_t *scratch = NULL;
    if (place.segment->map == NULL) {
        scratch = platform->allocate(platform->context, place.length);
        if (scratch == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to read an event");
    }
    status = tally_lookup_event(&place, position, false, scratch, &event, error);
    *result = status == TALLY_OK && tally_match_fits(match, &event);
    platform->release(platform->context, scratch);
    return status;
}

static tally_status find(tally_match *match, const tally_view *view, uint64_t from, uint64_t end, uint64_t *position,
                         tally_error *error)
{
    tally_block block;
    uint64_t work = UINT64_MAX;
    for (;;) {
        tally_status status = tally_match_next(match, view, &from, end, &work, &block, error);
        if (status != TALLY_OK) return status;
        uint32_t bit = tally_block_first(&block);
        if (bit == TALLY_BLOCK_EVENTS) break;
        for (; bit != TALLY_BLOCK_EVENTS; tally_block_clear(&block, bit), bit = tally_block_first(&block)) {
            bool result = true;
            *position = block.first + bit;
            if (tally_match_is_residual(match)) {
                status = fits(view->platform, match, view, *position, &result, error);
                if (status != TALLY_OK) return status;
            }
            if (result) return TALLY_OK;
        }
    }
    *position = TALLY_POSITION_NONE;
    return tally_fail(error, TALLY_E_NOT_FOUND, "no event matches");
}

tally_status tally_lookup_match(const tally_view *view, uint64_t from, uint64_t end, const tally_text *types,
                                size_t type_count, const tally_text *tags, size_t tag_count, uint64_t *position,
                                tally_error *error)
{
    tally_match *match;
    tally_filter filter = {.types = types, .type_count = type_count, .tags = tags, .tag_count = tag_count};
    *position = TALLY_POSITION_NONE;
    tally_status status = tally_match_new(view->platform, &filter, &match, error);
    if (status == TALLY_OK) status = find(match, view, from, end, position, error);
    tally_match_free(match);
    return status;
}
