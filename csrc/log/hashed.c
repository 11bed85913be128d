#include "log/hashed.h"

#include <string.h>

#include "base/bytes.h"

enum { AT_COUNT = 0, AT_LEAST = 4, AT_MOST = 20, AT_HASHES = 36 };

bool tally_hashed_open(const tally_section *section, tally_hashed *hashed)
{
    uint8_t head[AT_HASHES];
    if (!tally_section_read(section, 0, head, sizeof head)) return false;
    hashed->section = section;
    hashed->count = tally_load_u32(head + AT_COUNT);
    memcpy(hashed->least, head + AT_LEAST, sizeof hashed->least);
    memcpy(hashed->most, head + AT_MOST, sizeof hashed->most);
    return section->length == AT_HASHES + (uint64_t)hashed->count * 8;
}

static bool hash_at(const tally_hashed *hashed, uint32_t at, uint32_t *hash)
{
    return tally_section_u32(hashed->section, AT_HASHES + (uint64_t)at * 4, hash);
}

bool tally_hashed_search(const tally_hashed *hashed, uint32_t hash, uint32_t *at)
{
    uint32_t low = 0;
    uint32_t high = hashed->count;
    uint32_t value;
    if (high == 0) {
        *at = 0;
        return true;
    }
    uint32_t guess = (uint32_t)(((uint64_t)hash * high) >> 32);
    if (!hash_at(hashed, guess, &value)) return false;
    bool upwards = value < hash;
    uint32_t step = 16;
    /* Widens around the guess until the place lies between. */
    for (uint32_t place = guess;;) {
        if (upwards) low = place + 1;
        else high = place;
        if (low >= high || step == 0) break;
        if (upwards ? step > high - 1 - low : step > high - low) break;
        place = upwards ? low + step : high - step;
        if (!hash_at(hashed, place, &value)) return false;
        if ((value < hash) != upwards) {
            if (upwards) high = place;
            else low = place + 1;
            break;
        }
        step *= 2;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (!hash_at(hashed, middle, &value)) return false;
        if (value < hash) low = middle + 1;
        else high = middle;
    }
    *at = low;
    return true;
}

bool tally_hashed_get(const tally_hashed *hashed, uint32_t at, uint32_t *hash, uint32_t *value)
{
    return hash_at(hashed, at, hash) &&
           tally_section_u32(hashed->section, AT_HASHES + ((uint64_t)hashed->count + at) * 4, value);
}

void tally_hashed_write_head(tally_section_writer *writer, uint32_t count, const uint8_t least[16],
                             const uint8_t most[16])
{
    tally_section_write_u32(writer, count);
    tally_section_write(writer, least, 16);
    tally_section_write(writer, most, 16);
}
