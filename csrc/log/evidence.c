#include "log/evidence.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

#define CHUNK (256u * 1024u)

/* -------------------------------------------------------------------------------------------- HEAD */

tally_status tally_head_read(const tally_folder *folder, tally_head *head, bool *valid, bool *live, tally_error *error)
{
    uint8_t bytes[TALLY_HEAD_BYTES];
    uint8_t boot[16];
    tally_file file;
    size_t done = 0;
    int32_t os_error;
    *valid = *live = false;
    memset(head, 0, sizeof *head);
    tally_status status = tally_file_open(folder, TALLY_NAME_HEAD, TALLY_OPEN_READ, &file, error);
    if (status == TALLY_E_NOT_FOUND) return TALLY_OK;
    if (status != TALLY_OK) return status;
    status = tally_file_read(folder, TALLY_NAME_HEAD, file, 0, bytes, sizeof bytes, &done, error);
    tally_file_close(folder, &file);
    if (status != TALLY_OK) return status;
    *valid = tally_head_decode(bytes, done, head);
    if (!*valid) return TALLY_OK;
    /* A system that does not tell its boots apart has no live HEAD. */
    *live = folder->platform->boot_id(folder->platform->context, boot, &os_error) == TALLY_OK &&
            memcmp(boot, head->boot_id, sizeof boot) == 0;
    return TALLY_OK;
}

/* ------------------------------------------------------------------------------------------- marks */

static void state(tally_evidence *evidence, uint64_t durable, const char *file, uint64_t offset)
{
    if (durable <= evidence->durable_position) return;
    evidence->durable_position = durable;
    evidence->offset = offset;
    (void)memcpy(evidence->file, file, strlen(file) + 1);
}

/* What is searched: one file from an offset to its end. */
typedef struct search {
    const tally_chain *chain;
    tally_evidence *evidence;
    const char *name;
    tally_file file;
    bool salted; /* `seed` is known; without it a mark cannot be checked, only be likely */
    uint32_t seed;
    uint64_t bytes; /* that are not zero */
    bool content;   /* some of them lie behind the header */
} search;

/* A mark of the chain's future, not a copy of an old one inside an event's data. */
static bool is_of_future(const search *at, const tally_mark *mark, uint64_t offset)
{
    return mark->commit >= at->chain->next_commit && mark->first_position >= at->chain->next_position &&
           mark->first_offset <= offset && mark->first_offset >= TALLY_SEGMENT_HEADER_BYTES;
}

/* A segment whose header is lost has lost its salt: then a mark is believed when all its numbers fit. A crash that
 * loses the header of a segment loses nothing durable, so its marks state no later durable position than the
 * segment's own first one. */
static bool read_likely(const uint8_t *bytes, uint64_t offset, tally_mark *mark)
{
    memset(mark, 0, sizeof *mark);
    mark->commit = tally_load_u64(bytes + 8);
    mark->first_position = tally_load_u64(bytes + 16);
    mark->count = tally_load_u32(bytes + 24);
    mark->first_offset = tally_load_u64(bytes + 32);
    mark->durable_position = tally_load_u64(bytes + 40);
    if (bytes[7] > TALLY_MARK_CLEAN_CLOSE || mark->count > TALLY_BATCH_MAX) return false;
    if (mark->first_position > UINT64_MAX - mark->count || mark->first_offset > offset) return false;
    if (mark->count == 0 ? mark->first_offset != offset
                         : (offset - mark->first_offset) / TALLY_FRAME_FIXED_BYTES < mark->count) {
        return false;
    }
    return mark->durable_position <= mark->first_position + mark->count;
}

static void look_at(search *at, const uint8_t *bytes, size_t available, uint64_t offset)
{
    tally_mark mark;
    if (tally_frame_kind_at(bytes, available) != TALLY_FRAME_MARK) return;
    bool good = at->salted ? tally_mark_decode(at->seed, bytes, available, &mark, NULL) == TALLY_OK
                           : read_likely(bytes, offset, &mark);
    if (good && is_of_future(at, &mark, offset)) state(at->evidence, mark.durable_position, at->name, offset);
}

static void search_chunk(search *at, const uint8_t *bytes, size_t length, size_t overlap, uint64_t offset)
{
    for (size_t i = 0; i < length; i += 8) {
        if (tally_load_u64(bytes + i) == 0) continue;
        for (size_t j = i; j < i + 8; j++) at->bytes += bytes[j] != 0;
        if (offset + i < TALLY_SEGMENT_HEADER_BYTES) continue;
        at->content = true;
        look_at(at, bytes + i, length + overlap - i, offset + i);
    }
}

/* Everything begins at a multiple of 8; a mark may lie across two chunks, so they overlap. */
static tally_status search_file(search *at, uint64_t offset, tally_error *error)
{
    const tally_folder *folder = at->chain->folder;
    const tally_platform *platform = folder->platform;
    uint8_t *buffer = platform->allocate(platform->context, CHUNK + TALLY_MARK_BYTES);
    if (buffer == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to read a segment");
    tally_status status = TALLY_OK;
    for (bool more = true; status == TALLY_OK && more; offset += CHUNK) {
        size_t done;
        status = tally_file_read(folder, at->name, at->file, offset, buffer, CHUNK + TALLY_MARK_BYTES, &done, error);
        if (status != TALLY_OK) break;
        more = done > CHUNK;
        size_t own = more ? CHUNK : done;
        size_t whole = (own + 7) & ~(size_t)7;
        if (!more) memset(buffer + done, 0, CHUNK + TALLY_MARK_BYTES - done);
        search_chunk(at, buffer, whole, more ? done - CHUNK : 0, offset);
    }
    platform->release(platform->context, buffer);
    return status;
}

/* ---------------------------------------------------------------------------------------- segments */

static tally_status search_behind(const tally_chain *chain, const tally_segment *segment, tally_evidence *evidence,
                                  tally_error *error)
{
    search at = {chain, evidence, segment->name, segment->file, true, segment->seed, 0, false};
    /* Behind the log part of a sealed segment are its sections. */
    if (segment->sealed) return TALLY_OK;
    tally_status status = search_file(&at, atomic_load(&segment->end), error);
    evidence->bytes_behind = at.bytes;
    return status;
}

/* Sealing waits until a segment, and so everything before it, is durable. */
static tally_status search_sealed(const tally_chain *chain, uint64_t number, tally_evidence *evidence, bool *sealed,
                                  tally_error *error)
{
    tally_segment *segment;
    tally_status status =
        tally_segment_open(chain->folder, number, 0, TALLY_CHECK_NEVER, TALLY_MAP_NEVER, false, &segment, error);
    *sealed = false;
    if (status != TALLY_OK) return status;
    *sealed = segment->sealed;
    if (*sealed) state(evidence, segment->trailer.last_position + 1, segment->name, segment->trailer.data_end);
    tally_segment_release(segment);
    return TALLY_OK;
}

static tally_status search_later(const tally_chain *chain, uint64_t number, tally_evidence *evidence,
                                 tally_error *error)
{
    char name[TALLY_NAME_BYTES];
    enum tally_header_state header_state;
    tally_segment_header header;
    search at = {.chain = chain, .evidence = evidence, .name = name, .file = TALLY_FILE_NONE};
    tally_name_segment(number, 0, name);
    tally_status status = tally_header_look(chain->folder, number, &header_state, &header, NULL, error);
    if (status != TALLY_OK) return status;
    if (header_state == TALLY_HEADER_UNKNOWN) {
        evidence->unknown = true;
        (void)memcpy(evidence->file, name, sizeof name);
        return TALLY_OK;
    }
    bool sealed = false;
    if (header_state == TALLY_HEADER_WHOLE) {
        at.salted = true;
        at.seed = tally_frame_seed(header.salt);
        status = search_sealed(chain, number, evidence, &sealed, error);
        if (status != TALLY_OK || sealed) return status;
    }
    status = tally_file_open(chain->folder, name, TALLY_OPEN_READ, &at.file, error);
    if (status != TALLY_OK) return status;
    status = search_file(&at, 0, error);
    tally_file_close(chain->folder, &at.file);
    /* A header is written whole or not at all. One that is neither there nor missing, before bytes that are not
     * zero, has rotted: what it held cannot be told from what was durable. */
    if (header_state == TALLY_HEADER_DAMAGED && status == TALLY_OK && at.content) {
        evidence->rotten = evidence->durable_position <= chain->next_position;
        state(evidence, chain->next_position + 1, name, 0);
    }
    evidence->bytes_later += at.bytes;
    return status;
}

tally_status tally_evidence_gather(const tally_chain *chain, tally_evidence *evidence, tally_error *error)
{
    memset(evidence, 0, sizeof *evidence);
    tally_status status =
        tally_head_read(chain->folder, &evidence->head, &evidence->head_valid, &evidence->head_live, error);
    if (status == TALLY_OK && chain->count != 0) {
        status = search_behind(chain, chain->segments[chain->count - 1], evidence, error);
    }
    for (size_t i = chain->count; status == TALLY_OK && i < chain->directory.count; i++) {
        status = search_later(chain, chain->directory.numbers[i], evidence, error);
    }
    if (status != TALLY_OK) return status;
    evidence->proven = chain->durable_position;
    if (evidence->head_live) {
        state(evidence, evidence->head.durable, TALLY_NAME_HEAD, TALLY_POSITION_NONE);
        if (evidence->head.durable > evidence->proven) evidence->proven = evidence->head.durable;
    }
    if (evidence->proven > chain->next_position) evidence->proven = chain->next_position;
    evidence->proves_damage = evidence->durable_position > chain->next_position;
    return TALLY_OK;
}
