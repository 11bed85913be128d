/* A store that the library wrote, and what an input does to its files: changes of bytes, sizes and names, with
 * checksums made right again where it asks for that, so that what lies behind them is reached. */
#ifndef TALLY_FUZZ_DAMAGE_H
#define TALLY_FUZZ_DAMAGE_H

#include <stdlib.h>
#include <string.h>

#include <tallystick/tallystick.h>

#include "base/bytes.h"
#include "log/crc32c.h"
#include "log/file.h"
#include "log/frame.h"
#include "log/head.h"
#include "log/names.h"
#include "log/section.h"
#include "log/segment.h"
#include "log/trailer.h"
#include "platform/memory.h"

/* Kept in a release build too. */
static void holds(int condition)
{
    if (!condition) abort();
}

#define DAMAGE_FILE_MAX (512u * 1024u)
#define DAMAGE_STEP_BYTES 10u

static tally_platform *damage_base; /* made once */
static uint64_t damage_events;
static const char *const damage_streams[] = {"a/1", "a/2", "b"};

static tally_store_options damage_options(const tally_platform *platform, uint32_t mode)
{
    return (tally_store_options){.size = sizeof(tally_store_options),
                                 .mode = mode,
                                 .flags = TALLY_STORE_NO_THREAD,
                                 .segment_bytes = TALLY_SEGMENT_BYTES_MIN,
                                 .queue_bytes = 65536,
                                 .platform = platform};
}

static void damage_append(tally_store *store, size_t count, size_t length)
{
    static uint8_t data[4096];
    static const tally_text tags[] = {{"k:1", 3}, {"k:2", 3}};
    tally_draft drafts[4];
    for (size_t i = 0; i < count; i++) {
        const char *stream = damage_streams[(damage_events + i) % 3];
        drafts[i] = (tally_draft){.size = sizeof *drafts,
                                  .stream = {stream, strlen(stream)},
                                  .type = {"thing.done", 10},
                                  .content_type = {"text/plain", 10},
                                  .tags = tags,
                                  .tag_count = (damage_events + i) % 3,
                                  .data = data,
                                  .length = length};
    }
    memset(data, (int)damage_events, sizeof data);
    tally_append_options options = {.size = sizeof options, .durability = TALLY_WRITTEN};
    holds(tally_store_append_many(store, drafts, count, &options, NULL, NULL) == TALLY_OK);
    damage_events += count;
}

/* Sealed segments with a run over them, and unsealed ones; not closed cleanly. */
__attribute__((unused)) static const tally_platform *damage_store(uint32_t sealed_segments)
{
    if (damage_base != NULL) return damage_base;
    tally_platform *world;
    tally_store *store = NULL;
    int32_t more = 1;
    holds(tally_platform_memory_open(3, &world, NULL) == TALLY_OK);
    tally_store_options options = damage_options(world, TALLY_STORE_NEW);
    holds(tally_store_open("/s", 2, &options, &store, NULL) == TALLY_OK);
    for (uint32_t i = 0; i < sealed_segments * 14; i++) damage_append(store, 1 + i % 3, 1800 + 97 * (i % 11));
    holds(tally_store_sync(store, NULL) == TALLY_OK);
    for (int i = 0; i < 200 && more != 0; i++) holds(tally_store_tick(store, &more, NULL) == TALLY_OK);
    for (uint32_t i = 0; i < 5; i++) damage_append(store, 1 + i % 4, 60 * i);
    holds(tally_memory_copy(world, &damage_base, NULL) == TALLY_OK);
    holds(tally_store_close(&store) == TALLY_OK);
    holds(tally_platform_memory_close(&world) == TALLY_OK);
    return damage_base;
}

/* ---------------------------------------------------------------------------- checksums made right */

static uint64_t damage_fix_frame(uint32_t seed, uint8_t *at, uint64_t left, uint32_t *frames_crc)
{
    if (left < TALLY_FRAME_FIXED_BYTES) return 0;
    uint64_t body = tally_load_u32(at + 8), data = tally_load_u64(at + 16);
    if (body > TALLY_BODY_MAX || data > left) return 0;
    uint64_t meta = TALLY_FRAME_FIXED_BYTES + tally_pad8((size_t)body);
    uint64_t length = meta + tally_pad8((size_t)data);
    if (length > left) return 0;
    uint32_t crc_data = tally_crc32c(seed, at + meta, (size_t)data);
    tally_store_u32(at + 12, crc_data);
    uint32_t crc_meta = tally_crc32c(seed, at + 4, (size_t)meta - 4);
    tally_store_u32(at, crc_meta);
    *frames_crc = tally_mark_add_frame(*frames_crc, crc_meta, crc_data);
    return length;
}

static void damage_fix_header(uint8_t *bytes, uint64_t size)
{
    if (size < TALLY_SEGMENT_HEADER_BYTES) return;
    tally_store_u32(bytes + 20, 0);
    tally_store_u32(bytes + 20, tally_crc32c(TALLY_CRC_START, bytes, TALLY_SEGMENT_HEADER_BYTES));
}

static uint32_t damage_seed(const uint8_t *bytes) { return tally_frame_seed(bytes + 40); }

static void damage_fix_log(uint8_t *bytes, uint64_t size)
{
    if (size < TALLY_SEGMENT_HEADER_BYTES) return;
    uint32_t seed = damage_seed(bytes);
    uint32_t frames_crc = seed;
    for (uint64_t at = TALLY_SEGMENT_HEADER_BYTES; at + TALLY_MARK_BYTES <= size;) {
        uint32_t kind = tally_frame_kind_at(bytes + at, (size_t)(size - at));
        if (kind == TALLY_FRAME_MARK) {
            tally_store_u32(bytes + at + 28, tally_crc32c_finish(frames_crc));
            tally_store_u32(bytes + at, tally_crc32c(seed, bytes + at + 4, TALLY_MARK_BYTES - 4));
            frames_crc = seed;
            at += TALLY_MARK_BYTES;
            continue;
        }
        uint64_t length = kind == 0 ? 0 : damage_fix_frame(seed, bytes + at, size - at, &frames_crc);
        if (length == 0) return;
        at += length;
    }
}

/* Pages, table and trailer of a sealed segment, as far as its own numbers lead to them. */
static void damage_fix_end(uint8_t *bytes, uint64_t size)
{
    if (size < TALLY_SEGMENT_HEADER_BYTES + TALLY_TRAILER_BYTES) return;
    uint32_t seed = damage_seed(bytes);
    uint8_t *trailer = bytes + size - TALLY_TRAILER_BYTES;
    uint64_t table = tally_load_u64(trailer + 16);
    uint32_t count = tally_load_u32(trailer + 24);
    if (count <= TALLY_SECTIONS_MAX && table <= size && (uint64_t)count * TALLY_SECTION_ENTRY_BYTES <= size - table) {
        for (uint32_t i = 0; i < count; i++) {
            uint8_t *entry = bytes + table + (uint64_t)i * TALLY_SECTION_ENTRY_BYTES;
            uint64_t offset = tally_load_u64(entry + 8), length = tally_load_u64(entry + 16);
            uint64_t pages = length / TALLY_PAGE_CONTENT + 1;
            for (uint64_t page = 0; page < pages && offset <= size && offset + (page + 1) * TALLY_PAGE_BYTES <= size;
                 page++) {
                uint8_t *at = bytes + offset + page * TALLY_PAGE_BYTES;
                tally_store_u32(at + TALLY_PAGE_CONTENT, tally_crc32c(seed, at, TALLY_PAGE_CONTENT));
            }
            tally_store_u32(entry + 24, tally_crc32c(seed, entry, 24));
        }
        tally_store_u32(trailer + 28, tally_crc32c(seed, bytes + table, (size_t)count * TALLY_SECTION_ENTRY_BYTES));
    }
    tally_store_u32(trailer + TALLY_TRAILER_BYTES - 4, tally_crc32c(seed, trailer, TALLY_TRAILER_BYTES - 4));
}

static void damage_fix_head(uint8_t *bytes, uint64_t size)
{
    for (uint64_t at = 0; at + TALLY_HEAD_SLOT_USED <= size && at <= TALLY_HEAD_SLOT_BYTES;
         at += TALLY_HEAD_SLOT_BYTES) {
        tally_store_u32(bytes + at + 124, tally_crc32c(TALLY_CRC_START, bytes + at, 124));
    }
}

/* ------------------------------------------------------------------------------------------- steps */

static void damage_name(uint8_t which, char name[TALLY_NAME_BYTES])
{
    if (which % 12 == 10) (void)memcpy(name, TALLY_NAME_HEAD, sizeof TALLY_NAME_HEAD);
    else if (which % 12 == 11) tally_name_run(0, 3, name);
    else tally_name_segment(which % 12, 0, name);
}

/* Changes bytes in memory; the new size comes back. */
static uint64_t damage_change(uint8_t *bytes, uint64_t size, const uint8_t step[DAMAGE_STEP_BYTES])
{
    uint64_t offset = size == 0 ? 0 : tally_load_u32(step + 2) % size;
    uint64_t length = step[6];
    if (length > size - offset) length = size - offset;
    switch (step[0] % 10) {
    case 0: /* some bytes of the step's own */
        for (uint64_t i = 0; i < length && i < 3; i++) bytes[offset + i] = step[7 + i];
        break;
    case 1:
        for (uint64_t i = 0; i < length; i++) bytes[offset + i] ^= step[7];
        break;
    case 2: memset(bytes + offset, step[7], (size_t)length); break;
    case 3: return offset; /* shorter */
    case 4: {              /* a part of it somewhere else */
        uint64_t to = size == 0 ? 0 : (uint64_t)step[7] * 256 % size;
        memmove(bytes + to, bytes + offset, (size_t)(length < size - to ? length : size - to));
        break;
    }
    case 5: damage_fix_header(bytes, size); break;
    case 6: damage_fix_log(bytes, size); break;
    case 7: damage_fix_end(bytes, size); break;
    case 8: damage_fix_head(bytes, size); break;
    default: /* one number of 8 bytes at a multiple of 4, by a little */
        offset &= ~UINT64_C(3);
        if (size - offset >= 8) tally_store_u64(bytes + offset, tally_load_u64(bytes + offset) + step[7] - 128);
    }
    return size;
}

static void damage_step(const tally_folder *folder, const uint8_t step[DAMAGE_STEP_BYTES])
{
    static uint8_t bytes[DAMAGE_FILE_MAX];
    char name[TALLY_NAME_BYTES];
    tally_file file;
    size_t size;
    damage_name(step[1], name);
    if (step[0] == 255) {
        (void)tally_file_remove(folder, name, NULL);
        return;
    }
    if (tally_file_open(folder, name, TALLY_OPEN_READ | TALLY_OPEN_WRITE, &file, NULL) != TALLY_OK) return;
    holds(tally_file_read(folder, name, file, 0, bytes, sizeof bytes, &size, NULL) == TALLY_OK);
    uint64_t now = damage_change(bytes, size, step);
    holds(tally_file_truncate(folder, name, file, now, NULL) == TALLY_OK);
    holds(tally_file_write(folder, name, file, 0, bytes, (size_t)now, NULL) == TALLY_OK);
    tally_file_close(folder, &file);
}

/* A copy of the store with all that an input does to it; the caller closes the world. */
__attribute__((unused)) static tally_platform *damage_apply(const uint8_t *data, size_t size, uint32_t sealed_segments)
{
    tally_platform *world;
    tally_folder folder;
    const tally_platform *base = damage_store(sealed_segments);
    holds(tally_memory_copy(base, &world, NULL) == TALLY_OK);
    holds(tally_folder_init(&folder, world, "/s", 2, 0600, NULL) == TALLY_OK);
    for (size_t at = 0; at + DAMAGE_STEP_BYTES <= size && at < 12 * DAMAGE_STEP_BYTES; at += DAMAGE_STEP_BYTES) {
        damage_step(&folder, data + at);
    }
    return world;
}

#endif
