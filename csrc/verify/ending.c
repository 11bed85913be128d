#define __USE_MINGW_ANSI_STDIO 1

#include "verify/ending.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"

static void tell(tally_bad *bad, uint32_t reason, const tally_chain *chain, const char *what)
{
    char name[TALLY_NAME_BYTES];
    tally_name_segment(chain->break_number, 0, name);
    tally_bad_set(bad, reason, chain->next_position, chain->next_position, name, chain->break_offset,
                  "%s, offset %" PRIu64 ", position %" PRIu64 ": %.120s", name, chain->break_offset,
                  chain->next_position, what);
}

/* A segment under the name of another one. */
static bool is_misnamed(const tally_chain *chain)
{
    char name[TALLY_NAME_BYTES];
    uint8_t bytes[TALLY_SEGMENT_HEADER_BYTES];
    tally_segment_header header;
    tally_file file;
    size_t done = 0;
    tally_name_segment(chain->break_number, 0, name);
    if (tally_file_open(chain->folder, name, TALLY_OPEN_READ, &file, NULL) != TALLY_OK) return false;
    tally_status status = tally_file_read(chain->folder, name, file, 0, bytes, sizeof bytes, &done, NULL);
    tally_file_close(chain->folder, &file);
    return status == TALLY_OK && tally_segment_header_decode(bytes, done, &header, NULL) == TALLY_OK &&
           header.number != chain->break_number;
}

/* The next segment's file does not go on from the log: by its header. */
static tally_status tell_header(tally_bad *bad, const tally_chain *chain, tally_error *error)
{
    enum tally_header_state state;
    tally_segment_header header;
    tally_error why = {.message = ""};
    const char *what = chain->why.message;
    uint32_t reason = TALLY_REASON_UNREADABLE;
    if (chain->break_number >= chain->count && chain->count < chain->directory.count &&
        chain->directory.numbers[chain->count] != chain->break_number) {
        tell(bad, TALLY_REASON_EVENT_MISSING, chain, "the segment is missing, and a later one is there");
        return TALLY_OK;
    }
    tally_status status = tally_header_look(chain->folder, chain->break_number, &state, &header, &why, error);
    if (status == TALLY_E_NO_MEMORY) return status;
    if (status == TALLY_OK && state == TALLY_HEADER_NEVER) reason = TALLY_REASON_EVENT_MISSING;
    if (status == TALLY_OK && state == TALLY_HEADER_WHOLE) {
        const tally_segment_header *first = chain->count != 0 ? &chain->segments[0]->header : &header;
        if (memcmp(header.lineage, first->lineage, sizeof header.lineage) != 0) reason = TALLY_REASON_WRONG_ORIGIN;
        /* NOLINTNEXTLINE(bugprone-branch-clone) */
        else if (header.number != chain->break_number) reason = TALLY_REASON_ORDER_CHANGED;
        else if (header.first_position > chain->next_position) reason = TALLY_REASON_EVENT_MISSING;
        else if (header.first_position < chain->next_position) reason = TALLY_REASON_EVENT_ADDED;
        else if (header.first_commit != chain->next_commit) reason = TALLY_REASON_ORDER_CHANGED;
        else if (chain->last_known && memcmp(header.event_before, chain->last_hash, TALLY_DIGEST_BYTES) != 0)
            reason = TALLY_REASON_LINK_BROKEN;
        else reason = TALLY_REASON_INDEX_WRONG;
    }
    if (reason == TALLY_REASON_UNREADABLE && is_misnamed(chain)) reason = TALLY_REASON_ORDER_CHANGED;
    if (why.message[0] != '\0') what = why.message;
    tell(bad, reason, chain, what);
    return TALLY_OK;
}

void tally_ending_nothing(tally_bad *bad, const tally_work_found *found)
{
    tally_error error = {.status = TALLY_OK};
    if (found->unreadable) tell(bad, TALLY_REASON_UNREADABLE, &found->chain, found->why.message);
    else if (found->chain.directory.count == 0)
        tell(bad, TALLY_REASON_EVENT_MISSING, &found->chain, "there is no segment");
    else if (tell_header(bad, &found->chain, &error) != TALLY_OK)
        tell(bad, TALLY_REASON_UNREADABLE, &found->chain, error.message);
}

/* Goes on behind the end of the log, to see what is wrong there; zeros are nothing. */
static tally_status look_behind(tally_joining *joining, tally_error *error)
{
    const tally_checks *checks = joining->checks;
    const tally_segment *segment = checks->view->segments[joining->segment];
    tally_chunk chunk = {.segment = joining->segment, .beyond = true, .until = UINT64_MAX};
    if (segment->sealed) return TALLY_OK;
    chunk.begin = joining->offset;
    chunk.from_position = joining->position;
    chunk.from_commit = joining->commit;
    tally_status status = tally_file_size(segment->folder, segment->name, segment->file, &chunk.limit, error);
    if (status != TALLY_OK) return status == TALLY_E_NO_MEMORY ? status : TALLY_OK;
    tally_chunk_walk(&chunk, checks);
    tally_joining_behind(joining, &chunk);
    tally_chunk_free(&chunk, checks->platform);
    if (chunk.status == TALLY_OK) return TALLY_OK;
    if (error != NULL) *error = chunk.error;
    return chunk.status;
}

tally_status tally_ending_check(tally_joining *joining, const tally_work_found *found, tally_error *error)
{
    const tally_chain *chain = &found->chain;
    tally_status status = TALLY_OK;
    if (found->unreadable) {
        tell(&joining->bad, TALLY_REASON_UNREADABLE, chain, found->why.message);
        return TALLY_OK;
    }
    bool is_unknown = chain->end == TALLY_CHAIN_UNKNOWN || found->evidence.unknown;
    if (!found->damaged && !is_unknown) return TALLY_OK;
    if (chain->break_number >= chain->count) return tell_header(&joining->bad, chain, error);
    status = look_behind(joining, error);
    if (status != TALLY_OK || joining->bad.reason != TALLY_REASON_NONE) return status;
    if (is_unknown) tell(&joining->bad, TALLY_REASON_UNREADABLE, chain, chain->why.message);
    else if (chain->end == TALLY_CHAIN_BROKEN)
        tell(&joining->bad, TALLY_REASON_ORDER_CHANGED, chain, chain->why.message);
    else if (chain->count < chain->directory.count)
        tell(&joining->bad, TALLY_REASON_EVENT_MISSING, chain, "the log ends here, and later segments have events");
    else tell(&joining->bad, TALLY_REASON_TAIL_TRUNCATED, chain, "the log ends here, and more events had been durable");
    return TALLY_OK;
}
