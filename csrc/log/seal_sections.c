/* What the sections of a sealed segment are made of, item by item. */
#include "base/bytes.h"
#include "log/hash.h"
#include "log/hashed.h"
#include "log/seal_body.h"

static uint32_t count_one(const tally_sealing *seal)
{
    (void)seal;
    return 1;
}

static uint32_t count_events(const tally_sealing *seal) { return seal->index->events; }
static uint32_t count_times(const tally_sealing *seal) { return (seal->index->events + 63) / 64; }
static uint32_t count_ids(const tally_sealing *seal) { return seal->index->ids.count; }
static uint32_t count_digests(const tally_sealing *seal) { return seal->index->digests.count; }
static uint32_t count_names(const tally_sealing *seal) { return seal->names.count; }

static const tally_index_key *name_at(const tally_sealing *seal, uint32_t i)
{
    return &seal->index->keys[seal->items[i].value];
}

static uint32_t write_offset(tally_sealing *seal, uint32_t i)
{
    tally_section_write_u32(&seal->writer, seal->index->offsets[i]);
    return 1;
}

static uint32_t write_time(tally_sealing *seal, uint32_t i)
{
    tally_section_write_u64(&seal->writer, (uint64_t)seal->index->times[i]);
    return 1;
}

/* Hashes are sorted in the scratch memory: the names stay sorted in `items`. It has room for the events twice. */
static uint32_t take_hash(tally_sealing *seal, const tally_index_hashed *hashed, uint32_t i)
{
    seal->scratch[i] = (tally_sorted){.key = hashed->hashes[i], .value = hashed->ordinals[i]};
    return 1;
}

static uint32_t take_id(tally_sealing *seal, uint32_t i) { return take_hash(seal, &seal->index->ids, i); }
static uint32_t take_digest(tally_sealing *seal, uint32_t i) { return take_hash(seal, &seal->index->digests, i); }

static uint32_t take_name_hash(tally_sealing *seal, uint32_t i)
{
    seal->scratch[i] = (tally_sorted){.key = name_at(seal, i)->hash >> 32, .value = i};
    return 4; /* keys lie anywhere */
}

static uint32_t write_ids_head(tally_sealing *seal, uint32_t i)
{
    const tally_index_hashed *ids = &seal->index->ids;
    tally_hashed_write_head(&seal->writer, ids->count, ids->least, ids->most);
    return i + 1;
}

static uint32_t write_digests_head(tally_sealing *seal, uint32_t i)
{
    const tally_index_hashed *digests = &seal->index->digests;
    tally_hashed_write_head(&seal->writer, digests->count, digests->least, digests->most);
    return i + 1;
}

static uint32_t write_name_hashes_head(tally_sealing *seal, uint32_t i)
{
    static const uint8_t none[16];
    tally_hashed_write_head(&seal->writer, seal->names.count, none, none);
    return i + 1;
}

static uint32_t write_hash(tally_sealing *seal, uint32_t i)
{
    tally_section_write_u32(&seal->writer, (uint32_t)seal->scratch[i].key);
    return 1;
}

static uint32_t write_value(tally_sealing *seal, uint32_t i)
{
    tally_section_write_u32(&seal->writer, seal->scratch[i].value);
    return 1;
}

static uint32_t write_names_head(tally_sealing *seal, uint32_t i)
{
    tally_section_write_u32(&seal->writer, seal->names.count);
    tally_section_write_u32(&seal->writer, seal->index->text_used);
    seal->units = 0;
    seal->text = 0;
    return i + 1;
}

static uint32_t write_record(tally_sealing *seal, uint32_t i)
{
    uint8_t record[32];
    const tally_index_key *key = name_at(seal, i);
    tally_entry entry = tally_seal_entry(seal->index, key, &seal->units);
    tally_store_u32(record, seal->text);
    tally_store_u16(record + 4, key->length);
    record[6] = key->kind;
    record[7] = (uint8_t)entry.form;
    tally_store_u64(record + 8, entry.first_version);
    tally_store_u32(record + 16, entry.count);
    tally_store_u32(record + 20, entry.first);
    tally_store_u32(record + 24, entry.last);
    tally_store_u32(record + 28, entry.at);
    tally_section_write(&seal->writer, record, sizeof record);
    seal->text += key->length;
    return 8;
}

static uint32_t write_text(tally_sealing *seal, uint32_t i)
{
    const tally_index_key *key = name_at(seal, i);
    tally_section_write(&seal->writer, seal->index->text + key->name, key->length);
    return 8;
}

static uint32_t write_bitmap(tally_section_writer *writer, const uint32_t *postings, uint32_t count, uint32_t events)
{
    uint32_t at = 0;
    for (uint32_t word = 0; word < (events + 63) / 64; word++) {
        uint64_t bits = 0;
        for (; at < count && postings[at] / 64 == word; at++) bits |= UINT64_C(1) << (postings[at] % 64);
        tally_section_write_u64(writer, bits);
    }
    return count + events / 64;
}

/* In the order of the names, as tally_seal_entry counted them. */
static uint32_t write_postings(tally_sealing *seal, uint32_t i)
{
    uint32_t both[2];
    uint64_t units = 0;
    const tally_index *index = seal->index;
    const tally_index_key *key = name_at(seal, i);
    tally_entry entry = tally_seal_entry(index, key, &units);
    if (entry.form == TALLY_FORM_INLINE) return 4;
    const uint32_t *postings = tally_index_postings(index, key, both);
    if (entry.form == TALLY_FORM_BITMAP) return 4 + write_bitmap(&seal->writer, postings, key->count, index->events);
    for (uint32_t number = 0; number < key->count; number++) {
        tally_section_write_u32(&seal->writer, postings[number]);
    }
    return 4 + key->count;
}

const tally_seal_section tally_seal_sections[TALLY_SEAL_SECTIONS] = {
    {TALLY_SECTION_OFFSETS, {{count_events, write_offset}}},
    {TALLY_SECTION_TIMES, {{count_times, write_time}}},
    {TALLY_SECTION_IDS,
     {{count_ids, take_id},
      {count_ids, NULL},
      {count_one, write_ids_head},
      {count_ids, write_hash},
      {count_ids, write_value}}},
    {TALLY_SECTION_DIGESTS,
     {{count_digests, take_digest},
      {count_digests, NULL},
      {count_one, write_digests_head},
      {count_digests, write_hash},
      {count_digests, write_value}}},
    {TALLY_SECTION_NAMES, {{count_one, write_names_head}, {count_names, write_record}, {count_names, write_text}}},
    {TALLY_SECTION_NAME_HASHES,
     {{count_names, take_name_hash},
      {count_names, NULL},
      {count_one, write_name_hashes_head},
      {count_names, write_hash},
      {count_names, write_value}}},
    {TALLY_SECTION_POSTINGS, {{count_names, write_postings}}},
};
