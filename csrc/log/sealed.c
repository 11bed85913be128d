#include "log/sealed.h"

#include "base/bytes.h"
#include "log/hash.h"
#include "log/hashed.h"

enum tally_answer tally_sealed_place(const tally_segment *segment, uint32_t ordinal, uint64_t *offset, uint64_t *limit)
{
    const tally_section *section = segment->known.offsets;
    uint64_t events = tally_segment_events(segment);
    uint64_t end = segment->trailer.data_end;
    uint32_t units;
    if (ordinal >= events) return TALLY_ANSWER_NO;
    if (section == NULL || !tally_section_u32(section, (uint64_t)ordinal * 4, &units)) return TALLY_ANSWER_DAMAGED;
    *offset = (uint64_t)units * 8;
    *limit = end;
    if (segment->map == NULL && ordinal + 1 < events) {
        if (!tally_section_u32(section, ((uint64_t)ordinal + 1) * 4, &units)) return TALLY_ANSWER_DAMAGED;
        *limit = (uint64_t)units * 8;
    }
    bool fits = *offset >= TALLY_SEGMENT_HEADER_BYTES && *limit <= end && *offset < *limit &&
                *limit - *offset >= TALLY_FRAME_FIXED_BYTES;
    return fits ? TALLY_ANSWER_YES : TALLY_ANSWER_DAMAGED;
}

enum tally_answer tally_sealed_time(const tally_segment *segment, uint32_t ordinal, int64_t *time_us)
{
    const tally_section *section = segment->known.times;
    uint64_t time = 0;
    if (ordinal >= tally_segment_events(segment)) return TALLY_ANSWER_NO;
    if (section == NULL || !tally_section_u64(section, (uint64_t)(ordinal / 64) * 8, &time))
        return TALLY_ANSWER_DAMAGED;
    *time_us = (int64_t)time;
    return *time_us >= segment->trailer.first_time_us && *time_us <= segment->trailer.last_time_us
               ? TALLY_ANSWER_YES
               : TALLY_ANSWER_DAMAGED;
}

enum tally_answer tally_sealed_candidate(const tally_segment *segment, bool idempotency, const uint8_t value[16],
                                         uint32_t before, uint32_t *ordinal)
{
    const tally_section *section = idempotency ? segment->known.digests : segment->known.ids;
    tally_hashed hashed;
    if (section == NULL || !tally_hashed_open(section, &hashed)) return TALLY_ANSWER_DAMAGED;
    if (hashed.count == 0) return TALLY_ANSWER_NO;
    if (memcmp(value, hashed.least, 16) < 0 || memcmp(value, hashed.most, 16) > 0) return TALLY_ANSWER_NO;
    uint32_t hash = tally_hash_value(segment->header.salt, value);
    uint32_t at;
    bool found = false;
    if (!tally_hashed_search(&hashed, hash, &at)) return TALLY_ANSWER_DAMAGED;
    for (; at < hashed.count; at++) {
        uint32_t its;
        uint32_t value_at;
        if (!tally_hashed_get(&hashed, at, &its, &value_at)) return TALLY_ANSWER_DAMAGED;
        if (its != hash) break;
        if (value_at >= tally_segment_events(segment)) return TALLY_ANSWER_DAMAGED;
        if (value_at >= before || (found && value_at < *ordinal)) continue;
        *ordinal = value_at;
        found = true;
    }
    return found ? TALLY_ANSWER_YES : TALLY_ANSWER_NO;
}

/* ------------------------------------------------------------------------------------------- names */

/* Offsets of docs/FORMAT.md, "Sections", NAME. */
enum { AT_COUNT = 0, AT_TEXT_BYTES = 4, AT_RECORDS = 8 };
enum {
    AT_NAME = 0,
    AT_LENGTH = 4,
    AT_KIND = 6,
    AT_FORM = 7,
    AT_FIRST_VERSION = 8,
    AT_ENTRY_COUNT = 16,
    AT_FIRST = 20,
    AT_LAST = 24,
    AT_POSTINGS = 28
};

static bool name_count(const tally_segment *segment, uint32_t *count, uint64_t *text)
{
    const tally_section *section = segment->known.names;
    if (section == NULL || !tally_section_u32(section, AT_COUNT, count)) return false;
    *text = AT_RECORDS + (uint64_t)*count * TALLY_NAME_RECORD_BYTES;
    return *text <= section->length;
}

static bool read_record(const tally_segment *segment, uint32_t number, uint8_t record[TALLY_NAME_RECORD_BYTES])
{
    return tally_section_read(segment->known.names, AT_RECORDS + (uint64_t)number * TALLY_NAME_RECORD_BYTES, record,
                              TALLY_NAME_RECORD_BYTES);
}

/* What an entry says must be possible before anybody counts on it. */
enum tally_answer tally_sealed_entry(const tally_segment *segment, const uint8_t record[TALLY_NAME_RECORD_BYTES],
                                     tally_entry *entry)
{
    uint64_t events = tally_segment_events(segment);
    uint64_t room = segment->known.postings == NULL ? 0 : segment->known.postings->length / 4;
    entry->first_version = tally_load_u64(record + AT_FIRST_VERSION);
    entry->count = tally_load_u32(record + AT_ENTRY_COUNT);
    entry->first = tally_load_u32(record + AT_FIRST);
    entry->last = tally_load_u32(record + AT_LAST);
    entry->at = tally_load_u32(record + AT_POSTINGS);
    entry->form = record[AT_FORM];
    bool fits = entry->count != 0 && entry->count <= events && entry->first <= entry->last && entry->last < events &&
                (entry->count == 1) == (entry->first == entry->last) &&
                entry->first_version <= UINT64_MAX - entry->count;
    if (entry->form == TALLY_FORM_INLINE) fits = fits && entry->count <= 2;
    else if (entry->form == TALLY_FORM_ARRAY) fits = fits && (uint64_t)entry->at + entry->count <= room;
    else if (entry->form == TALLY_FORM_BITMAP) fits = fits && entry->at + (events + 63) / 64 * 2 <= room;
    else fits = false;
    return fits ? TALLY_ANSWER_YES : TALLY_ANSWER_DAMAGED;
}

enum tally_answer tally_sealed_record(const tally_segment *segment, uint32_t number, tally_entry *entry)
{
    uint8_t record[TALLY_NAME_RECORD_BYTES];
    uint32_t count;
    uint64_t text;
    if (!name_count(segment, &count, &text)) return TALLY_ANSWER_DAMAGED;
    if (number >= count) return TALLY_ANSWER_NO;
    return read_record(segment, number, record) ? tally_sealed_entry(segment, record, entry) : TALLY_ANSWER_DAMAGED;
}

static bool read_name(const tally_segment *segment, const uint8_t record[TALLY_NAME_RECORD_BYTES], uint64_t text,
                      char *name, size_t *length)
{
    *length = tally_load_u16(record + AT_LENGTH);
    return *length != 0 && *length <= TALLY_STREAM_MAX &&
           tally_section_read(segment->known.names, text + tally_load_u32(record + AT_NAME), name, *length);
}

enum tally_answer tally_sealed_name(const tally_segment *segment, uint32_t number, uint32_t *kind, char *name,
                                    size_t *length)
{
    uint8_t record[TALLY_NAME_RECORD_BYTES];
    uint32_t count;
    uint64_t text;
    if (!name_count(segment, &count, &text)) return TALLY_ANSWER_DAMAGED;
    if (number >= count) return TALLY_ANSWER_NO;
    if (!read_record(segment, number, record)) return TALLY_ANSWER_DAMAGED;
    *kind = record[AT_KIND];
    return read_name(segment, record, text, name, length) ? TALLY_ANSWER_YES : TALLY_ANSWER_DAMAGED;
}

enum tally_answer tally_sealed_search(const tally_segment *segment, const tally_key *key, bool behind, uint32_t *number)
{
    char name[TALLY_STREAM_MAX];
    uint32_t low = 0;
    uint32_t high;
    uint64_t text;
    if (!name_count(segment, &high, &text)) return TALLY_ANSWER_DAMAGED;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t kind;
        size_t length;
        if (tally_sealed_name(segment, middle, &kind, name, &length) != TALLY_ANSWER_YES) return TALLY_ANSWER_DAMAGED;
        int order = kind < key->kind ? -1 : kind > key->kind;
        if (order == 0) order = tally_text_compare((tally_text){name, length}, key->name);
        if (order < 0 || (behind && order == 0)) low = middle + 1;
        else high = middle;
    }
    *number = low;
    return TALLY_ANSWER_YES;
}

/* Through the hashes: two or three looks, however many names there are. */
enum tally_answer tally_sealed_find(const tally_segment *segment, const tally_key *key, tally_entry *entry)
{
    uint8_t record[TALLY_NAME_RECORD_BYTES];
    char name[TALLY_STREAM_MAX];
    tally_hashed hashed;
    uint32_t count;
    uint32_t at;
    uint64_t text;
    const tally_section *section = segment->known.name_hashes;
    if (section == NULL || !tally_hashed_open(section, &hashed) || !name_count(segment, &count, &text)) {
        return TALLY_ANSWER_DAMAGED;
    }
    uint32_t hash =
        (uint32_t)(tally_hash_name(segment->header.salt, key->kind, key->name.bytes, key->name.length) >> 32);
    if (!tally_hashed_search(&hashed, hash, &at)) return TALLY_ANSWER_DAMAGED;
    for (; at < hashed.count; at++) {
        uint32_t its;
        uint32_t number;
        size_t length;
        if (!tally_hashed_get(&hashed, at, &its, &number)) return TALLY_ANSWER_DAMAGED;
        if (its != hash) break;
        if (number >= count || !read_record(segment, number, record)) return TALLY_ANSWER_DAMAGED;
        if (record[AT_KIND] != key->kind || tally_load_u16(record + AT_LENGTH) != key->name.length) continue;
        if (!read_name(segment, record, text, name, &length)) return TALLY_ANSWER_DAMAGED;
        if (memcmp(name, key->name.bytes, length) == 0) return tally_sealed_entry(segment, record, entry);
    }
    return TALLY_ANSWER_NO;
}
