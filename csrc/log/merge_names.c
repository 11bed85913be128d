/* The sorted names of the units, one after the other. */
#include "base/bytes.h"
#include "log/ask.h"
#include "log/hash.h"
#include "log/merge_body.h"
#include "log/sealed.h"

/* It is looked at without the run, or through its frames, from now on, and never merged. */
static void distrust(const tally_merge_unit *unit)
{
    if (unit->run != NULL) tally_run_distrust((tally_run *)(uintptr_t)unit->run);
    else tally_ask_distrust((tally_segment *)(uintptr_t)unit->segment);
}

enum tally_answer tally_merge_load(tally_merge_unit *unit)
{
    enum tally_answer answer = unit->run != NULL ? tally_run_name_at(unit->run, unit->number, &unit->name)
                                                 : tally_sealed_name(unit->segment, unit->number, &unit->name.kind,
                                                                     unit->name.name, &unit->name.length);
    unit->present = answer == TALLY_ANSWER_YES;
    if (answer == TALLY_ANSWER_DAMAGED) distrust(unit);
    return answer;
}

static int compare(const tally_merge_unit *a, const tally_merge_unit *b)
{
    if (a->name.kind != b->name.kind) return a->name.kind < b->name.kind ? -1 : 1;
    return tally_text_compare((tally_text){a->name.name, a->name.length}, (tally_text){b->name.name, b->name.length});
}

tally_merge_unit *tally_merge_least(tally_merging *merge)
{
    tally_merge_unit *found = NULL;
    for (size_t i = 0; i < merge->unit_count; i++) {
        tally_merge_unit *unit = &merge->units[i];
        if (unit->present && (found == NULL || compare(unit, found) < 0)) found = unit;
    }
    return found;
}

static bool add_reference(tally_merging *merge, uint32_t segment, uint32_t record)
{
    tally_section_write_u32(&merge->references, segment);
    tally_section_write_u32(&merge->references, record);
    merge->reference_count++;
    return true;
}

static bool add_references(tally_merging *merge, const tally_merge_unit *unit)
{
    if (unit->run == NULL) return add_reference(merge, unit->first, unit->number);
    for (uint32_t i = 0; i < unit->name.entry.count; i++) {
        uint32_t segment;
        uint32_t record;
        if (tally_run_reference(unit->run, &unit->name.entry, i, &segment, &record) != TALLY_ANSWER_YES) {
            distrust(unit);
            return false;
        }
        (void)add_reference(merge, unit->first + segment, record);
    }
    return true;
}

bool tally_merge_name(tally_merging *merge, const tally_merge_unit *first)
{
    uint8_t record[TALLY_RUN_RECORD_BYTES] = {0};
    tally_merge_unit same = *first;
    uint32_t references = merge->reference_count;
    tally_store_u32(record, (uint32_t)merge->text.length);
    tally_store_u16(record + 4, (uint16_t)same.name.length);
    record[6] = (uint8_t)same.name.kind;
    tally_store_u32(record + 8, references);
    for (size_t i = 0; i < merge->unit_count; i++) {
        tally_merge_unit *unit = &merge->units[i];
        if (!unit->present || compare(unit, &same) != 0) continue;
        if (!add_references(merge, unit)) return false;
        unit->number++;
        if (tally_merge_load(unit) == TALLY_ANSWER_DAMAGED) return false;
        if (unit->present && compare(unit, &same) <= 0) { /* not sorted: it lies */
            distrust(unit);
            return false;
        }
    }
    tally_store_u32(record + 12, merge->reference_count - references);
    tally_section_write(&merge->records, record, sizeof record);
    tally_section_write(&merge->text, same.name.name, same.name.length);
    if (merge->names == merge->hash_capacity) return false; /* more names than were counted */
    merge->hashes[merge->names++] =
        (uint32_t)(tally_hash_name(merge->header.salt, same.name.kind, same.name.name, same.name.length) >> 32);
    return true;
}
