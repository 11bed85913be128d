#define __USE_MINGW_ANSI_STDIO 1

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/hashed.h"
#include "log/postings.h"
#include "log/sealed.h"
#include "verify/index.h"

#define BLOCK_BYTES 65536u

/* One section, read from its beginning to its end. */
typedef struct reading {
    const tally_section *section;
    uint8_t *block;
    uint64_t at; /* of the block in the content */
    size_t length;
} reading;

typedef struct comparing {
    const tally_segment *segment;
    const tally_index_sums *sums;
    const tally_index_secret *secret;
    uint64_t events;
    uint8_t *blocks[2];
    tally_bad *bad;
    /* of the names: */
    uint32_t name_count;
    uint64_t name_hashes;
    uint64_t names, versions;
    uint64_t units; /* of POST that are taken */
} comparing;

/* Always false, so that a check is one line. */
static bool wrong(const comparing *at, const tally_section *section, const char *tag, const char *what)
{
    if (at->bad->reason != TALLY_REASON_NONE) return false;
    tally_bad_set(at->bad, TALLY_REASON_INDEX_WRONG, 0, TALLY_POSITION_NONE, at->segment->name, section->offset,
                  "%s, offset %" PRIu64 ": the index %.4s %s", at->segment->name, section->offset, tag, what);
    return false;
}

static const uint8_t *content_at(reading *from, uint64_t at, size_t length)
{
    if (at < from->at || at - from->at > from->length || from->length - (at - from->at) < length) {
        uint64_t left = at < from->section->length ? from->section->length - at : 0;
        if (left < length) return NULL;
        from->at = at;
        from->length = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
        if (!tally_section_read(from->section, at, from->block, from->length)) {
            from->length = 0;
            return NULL;
        }
    }
    return from->block + (at - from->at);
}

/* ------------------------------------------------------------------------------ offsets, times, hashes */

static bool check_offsets(const comparing *at)
{
    const tally_section *section = at->segment->known.offsets;
    reading from = {.section = section, .block = at->blocks[0]};
    uint64_t sum = 0;
    if (section == NULL) return true;
    if (section->length != at->events * 4) return wrong(at, section, TALLY_SECTION_OFFSETS, "has another length");
    for (uint64_t i = 0; i < at->events; i++) {
        const uint8_t *units = content_at(&from, i * 4, 4);
        if (units == NULL) return wrong(at, section, TALLY_SECTION_OFFSETS, "does not check");
        sum += tally_index_mix_pair(at->secret->values, i, (uint64_t)tally_load_u32(units) * 8);
    }
    return sum == at->sums->offsets || wrong(at, section, TALLY_SECTION_OFFSETS, "is not what the frames make");
}

static bool check_times(const comparing *at)
{
    const tally_section *section = at->segment->known.times;
    reading from = {.section = section, .block = at->blocks[0]};
    uint64_t sum = 0;
    uint64_t count = (at->events + 63) / 64;
    if (section == NULL) return true;
    if (section->length != count * 8) return wrong(at, section, TALLY_SECTION_TIMES, "has another length");
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *time = content_at(&from, i * 8, 8);
        if (time == NULL) return wrong(at, section, TALLY_SECTION_TIMES, "does not check");
        sum += tally_index_mix_pair(at->secret->values, i, tally_load_u64(time));
    }
    return sum == at->sums->times || wrong(at, section, TALLY_SECTION_TIMES, "is not what the frames make");
}

/* A list of hashes and values, rising; the sum over its pairs. */
static bool sum_hashed(const comparing *at, const tally_section *section, const char *tag, tally_hashed *hashed,
                       uint64_t *sum)
{
    reading hashes = {.section = section, .block = at->blocks[0]};
    reading values = {.section = section, .block = at->blocks[1]};
    uint32_t before = 0;
    *sum = 0;
    if (!tally_hashed_open(section, hashed)) return wrong(at, section, tag, "does not check");
    for (uint64_t i = 0; i < hashed->count; i++) {
        const uint8_t *hash = content_at(&hashes, 36 + i * 4, 4);
        const uint8_t *value = content_at(&values, 36 + (hashed->count + i) * 4, 4);
        if (hash == NULL || value == NULL) return wrong(at, section, tag, "does not check");
        uint32_t is = tally_load_u32(hash);
        if (is < before) return wrong(at, section, tag, "is not sorted");
        before = is;
        *sum += tally_index_mix(at->secret->values, (uint64_t)is << 32 | tally_load_u32(value));
    }
    return true;
}

static bool check_hashed(const comparing *at, const tally_section *section, const char *tag, uint64_t count,
                         uint64_t sum, const uint8_t least[16], const uint8_t most[16])
{
    tally_hashed hashed;
    uint64_t is;
    if (section == NULL) return true;
    if (!sum_hashed(at, section, tag, &hashed, &is)) return false;
    if (hashed.count != count || is != sum || memcmp(hashed.least, least, 16) != 0 ||
        memcmp(hashed.most, most, 16) != 0)
        return wrong(at, section, tag, "is not what the frames make");
    return true;
}

/* ------------------------------------------------------------------------------------------- names */

/* A record of NAME. */
typedef struct named {
    uint32_t kind;
    uint32_t length;
    char bytes[TALLY_STREAM_MAX];
    tally_entry entry;
} named;

static bool is_behind(const named *before, const named *after)
{
    if (before->kind != after->kind) return before->kind < after->kind;
    return tally_text_compare((tally_text){before->bytes, before->length}, (tally_text){after->bytes, after->length}) <
           0;
}

/* In the one form that sealing gives it. */
static bool has_right_form(comparing *at, const named *name)
{
    const tally_entry *entry = &name->entry;
    if (entry->count <= 2) return entry->form == TALLY_FORM_INLINE && entry->at == 0;
    bool dense = name->kind != TALLY_KEY_STREAM && (uint64_t)entry->count * 32 > at->events;
    bool good = entry->form == (dense ? TALLY_FORM_BITMAP : TALLY_FORM_ARRAY) && entry->at == at->units;
    at->units += dense ? (at->events + 63) / 64 * 2 : entry->count;
    return good;
}

static bool sum_array(const comparing *at, reading *from, const tally_entry *entry, uint64_t *sum)
{
    uint32_t last = 0;
    for (uint64_t i = 0; i < entry->count; i++) {
        const uint8_t *bytes = content_at(from, (entry->at + i) * 4, 4);
        if (bytes == NULL) return false;
        uint32_t ordinal = tally_load_u32(bytes);
        if (i == 0 ? ordinal != entry->first : ordinal <= last) return false;
        last = ordinal;
        *sum += tally_index_mix(at->secret->events, ordinal);
    }
    return last == entry->last;
}

static bool sum_bitmap(const comparing *at, reading *from, const tally_entry *entry, uint64_t *sum)
{
    uint64_t count = 0, first = UINT64_MAX, last = 0;
    for (uint64_t word = 0; word < (at->events + 63) / 64; word++) {
        const uint8_t *bytes = content_at(from, (uint64_t)entry->at * 4 + word * 8, 8);
        if (bytes == NULL) return false;
        for (uint64_t bits = tally_load_u64(bytes); bits != 0; bits &= bits - 1) {
            uint64_t ordinal = word * 64 + (uint64_t)__builtin_ctzll(bits);
            if (ordinal >= at->events) return false;
            if (first == UINT64_MAX) first = ordinal;
            last = ordinal;
            count++;
            *sum += tally_index_mix(at->secret->events, ordinal);
        }
    }
    return count == entry->count && first == entry->first && last == entry->last;
}

/* The events that a record names; false when it is not one that sealing makes. */
static bool sum_postings(comparing *at, reading *from, const named *name, uint64_t *sum)
{
    const tally_entry *entry = &name->entry;
    *sum = 0;
    if (!has_right_form(at, name)) return false;
    if (entry->form == TALLY_FORM_ARRAY) return sum_array(at, from, entry, sum);
    if (entry->form == TALLY_FORM_BITMAP) return sum_bitmap(at, from, entry, sum);
    *sum = tally_index_mix(at->secret->events, entry->first);
    if (entry->count == 2) *sum += tally_index_mix(at->secret->events, entry->last);
    return true;
}

static bool take_name(comparing *at, reading *postings, uint32_t number, const named *name)
{
    uint64_t sum;
    const tally_entry *entry = &name->entry;
    if (!sum_postings(at, postings, name, &sum)) return false;
    at->names += tally_index_hash_name(at->secret, name->kind, name->bytes, name->length) * sum;
    uint32_t hash = (uint32_t)(tally_hash_name(at->segment->header.salt, name->kind, name->bytes, name->length) >> 32);
    at->name_hashes += tally_index_mix(at->secret->values, (uint64_t)hash << 32 | number);
    if (name->kind != TALLY_KEY_STREAM) return entry->first_version == 0;
    uint64_t stream = tally_index_hash_stream(at->secret, name->bytes, name->length);
    for (uint64_t i = 0; i < entry->count; i++) at->versions += tally_index_mix(stream, entry->first_version + i);
    return true;
}

/* Record and text, where sealing puts them. */
static bool read_name(const comparing *at, uint32_t number, uint64_t text, uint64_t *text_at, reading *records,
                      reading *texts, named *name)
{
    const uint8_t *record =
        content_at(records, 8 + (uint64_t)number * TALLY_NAME_RECORD_BYTES, TALLY_NAME_RECORD_BYTES);
    if (record == NULL || tally_load_u32(record) != *text_at) return false;
    name->length = tally_load_u16(record + 4);
    name->kind = record[6];
    if (name->length == 0 || name->length > TALLY_STREAM_MAX) return false;
    if (tally_sealed_entry(at->segment, record, &name->entry) != TALLY_ANSWER_YES) return false;
    const uint8_t *bytes = content_at(texts, text + *text_at, name->length);
    if (bytes == NULL) return false;
    memcpy(name->bytes, bytes, name->length);
    *text_at += name->length;
    return true;
}

static bool check_names(comparing *at, reading *records, reading *texts, reading *postings)
{
    const tally_section *section = at->segment->known.names;
    named names[2];
    const uint8_t *head = content_at(records, 0, 8);
    if (head == NULL) return wrong(at, section, TALLY_SECTION_NAMES, "does not check");
    uint32_t count = tally_load_u32(head);
    uint64_t text = 8 + (uint64_t)count * TALLY_NAME_RECORD_BYTES;
    uint64_t text_at = 0;
    if (section->length != text + tally_load_u32(head + 4))
        return wrong(at, section, TALLY_SECTION_NAMES, "has another length");
    for (uint32_t i = 0; i < count; i++) {
        named *now = &names[i % 2];
        if (!read_name(at, i, text, &text_at, records, texts, now))
            return wrong(at, section, TALLY_SECTION_NAMES, "does not check");
        if (i != 0 && !is_behind(&names[(i + 1) % 2], now))
            return wrong(at, section, TALLY_SECTION_NAMES, "is not sorted");
        if (!take_name(at, postings, i, now))
            return wrong(at, section, TALLY_SECTION_NAMES, "is not what the frames make");
    }
    at->name_count = count;
    if (text + text_at != section->length) return wrong(at, section, TALLY_SECTION_NAMES, "has another length");
    if (at->names != at->sums->names || at->versions != at->sums->versions)
        return wrong(at, section, TALLY_SECTION_NAMES, "is not what the frames make");
    return true;
}

static bool check_all_names(comparing *at, const tally_platform *platform, tally_status *status)
{
    static const uint8_t none[16];
    const tally_segment *segment = at->segment;
    const tally_section *postings = segment->known.postings;
    if (segment->known.names == NULL || postings == NULL) return true;
    uint8_t *block = platform->allocate(platform->context, BLOCK_BYTES);
    if (block == NULL) {
        *status = TALLY_E_NO_MEMORY;
        return false;
    }
    reading records = {.section = segment->known.names, .block = at->blocks[0]};
    reading texts = {.section = segment->known.names, .block = at->blocks[1]};
    reading lists = {.section = postings, .block = block};
    bool good = check_names(at, &records, &texts, &lists);
    platform->release(platform->context, block);
    if (good && postings->length != at->units * 4)
        good = wrong(at, postings, TALLY_SECTION_POSTINGS, "has another length");
    return good && check_hashed(at, segment->known.name_hashes, TALLY_SECTION_NAME_HASHES, at->name_count,
                                at->name_hashes, none, none);
}

/* --------------------------------------------------------------------------------------------- all */

/* Between the log part and the first section are zeros. */
static bool check_gap(const comparing *at)
{
    uint8_t bytes[TALLY_PAGE_BYTES];
    const tally_segment *segment = at->segment;
    const uint8_t *from = bytes;
    uint64_t end = segment->trailer.data_end;
    size_t length = (size_t)(((end + TALLY_PAGE_BYTES - 1) / TALLY_PAGE_BYTES * TALLY_PAGE_BYTES) - end);
    size_t done = length;
    if (segment->map != NULL) from = segment->map + end;
    else if (tally_file_read(segment->folder, segment->name, segment->file, end, bytes, length, &done, NULL) !=
             TALLY_OK)
        done = 0;
    bool good = done == length;
    for (size_t i = 0; good && i < length; i++) good = from[i] == 0;
    if (!good)
        tally_bad_set(at->bad, TALLY_REASON_INDEX_WRONG, 0, TALLY_POSITION_NONE, segment->name, end,
                      "%s, offset %" PRIu64 ": between the log and its indexes are bytes that are not zero",
                      segment->name, end);
    return good;
}

static tally_status compare(comparing *at, const tally_platform *platform)
{
    static const uint8_t none[16];
    const tally_segment *segment = at->segment;
    const tally_index_sums *sums = at->sums;
    tally_status status = TALLY_OK;
    if (!check_gap(at) || !check_offsets(at) || !check_times(at)) return TALLY_OK;
    if (!check_hashed(at, segment->known.ids, TALLY_SECTION_IDS, at->events, sums->ids,
                      sums->any_id ? sums->least_id : none, sums->any_id ? sums->most_id : none) ||
        !check_hashed(at, segment->known.digests, TALLY_SECTION_DIGESTS, sums->digest_count, sums->digests,
                      sums->digest_count != 0 ? sums->least_digest : none,
                      sums->digest_count != 0 ? sums->most_digest : none))
        return TALLY_OK;
    (void)check_all_names(at, platform, &status);
    return status;
}

tally_status tally_index_check(const tally_segment *segment, const tally_index_sums *sums,
                               const tally_index_secret *secret, const tally_platform *platform, tally_bad *bad,
                               tally_error *error)
{
    comparing at = {
        .segment = segment, .sums = sums, .secret = secret, .events = tally_segment_events(segment), .bad = bad};
    if (segment->section_count == 0) {
        tally_bad_set(bad, TALLY_REASON_INDEX_WRONG, 0, TALLY_POSITION_NONE, segment->name,
                      segment->trailer.table_offset, "%s, offset %" PRIu64 ": the table of sections does not check",
                      segment->name, segment->trailer.table_offset);
        return TALLY_OK;
    }
    uint8_t *blocks = platform->allocate(platform->context, (size_t)2 * BLOCK_BYTES);
    if (blocks == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory to compare indexes");
    at.blocks[0] = blocks;
    at.blocks[1] = blocks + BLOCK_BYTES;
    tally_status status = compare(&at, platform);
    platform->release(platform->context, blocks);
    return status == TALLY_OK ? status : tally_fail(error, status, "no memory to compare indexes");
}
