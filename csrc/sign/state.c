#include "sign/state.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "log/crc32c.h"

static const char magic[8] = {'T', 'A', 'L', 'L', 'Y', 'S', 'G', 'N'};

enum { AT_CRC = 8, AT_FORMAT = 12, AT_SEQUENCE = 16, AT_SIZE = 24, AT_ROOT = 32, AT_LENGTH = 64, AT_ORIGIN = 66 };

/* All that is written of a slot: within one sector of any device. */
#define USED_BYTES 512u
#define FORMAT 1u

static uint32_t checksum(const uint8_t *slot)
{
    uint8_t copy[USED_BYTES];
    memcpy(copy, slot, sizeof copy);
    tally_store_u32(copy + AT_CRC, 0);
    return tally_crc32c(TALLY_CRC_START, copy, sizeof copy);
}

void tally_state_encode(const char *origin, const tally_signed_state *last, uint8_t slot[TALLY_STATE_SLOT_BYTES])
{
    size_t length = strlen(origin);
    memset(slot, 0, TALLY_STATE_SLOT_BYTES);
    memcpy(slot, magic, sizeof magic);
    tally_store_u32(slot + AT_FORMAT, FORMAT);
    tally_store_u64(slot + AT_SEQUENCE, last->sequence);
    tally_store_u64(slot + AT_SIZE, last->size);
    memcpy(slot + AT_ROOT, &last->root, sizeof last->root);
    tally_store_u16(slot + AT_LENGTH, (uint16_t)length);
    memcpy(slot + AT_ORIGIN, origin, length); /* NOLINT(bugprone-not-null-terminated-result) */
    tally_store_u32(slot + AT_CRC, checksum(slot));
}

bool tally_state_decode(const uint8_t slot[TALLY_STATE_SLOT_BYTES], char origin[TALLY_ORIGIN_MAX + 1],
                        tally_signed_state *last)
{
    size_t length = tally_load_u16(slot + AT_LENGTH);
    memset(last, 0, sizeof *last);
    memset(origin, 0, TALLY_ORIGIN_MAX + 1);
    if (memcmp(slot, magic, sizeof magic) != 0 || tally_load_u32(slot + AT_FORMAT) != FORMAT) return false;
    if (tally_load_u32(slot + AT_CRC) != checksum(slot) || length == 0 || length > TALLY_ORIGIN_MAX) return false;
    last->sequence = tally_load_u64(slot + AT_SEQUENCE);
    last->size = tally_load_u64(slot + AT_SIZE);
    memcpy(&last->root, slot + AT_ROOT, sizeof last->root);
    memcpy(origin, slot + AT_ORIGIN, length);
    return true;
}

static tally_status refuse(const tally_state_file *state, tally_status status, const char *why, tally_error *error)
{
    char path[TALLY_PATH_MAX];
    (void)tally_folder_join(&state->place.folder, state->place.name, path, NULL);
    return tally_fail_os(error, status, 0, path, "%s", why);
}

/* A new file remembers that nothing was signed, in both slots. */
static tally_status make(const tally_state_file *state, tally_error *error)
{
    uint8_t bytes[TALLY_STATE_BYTES];
    tally_signed_state none = {0, 0, {{0}}};
    (void)tally_merkle_root(NULL, 0, &none.root);
    tally_state_encode(state->origin, &none, bytes);
    memcpy(bytes + TALLY_STATE_SLOT_BYTES, bytes, TALLY_STATE_SLOT_BYTES);
    return tally_outside_replace(&state->place, bytes, sizeof bytes, error);
}

static tally_status read_slots(tally_state_file *state, tally_error *error)
{
    uint8_t bytes[TALLY_STATE_BYTES];
    size_t done;
    bool any = false;
    const tally_outside *place = &state->place;
    tally_status status =
        tally_file_read(&place->folder, place->name, state->file, 0, bytes, sizeof bytes, &done, error);
    if (status != TALLY_OK) return status;
    memset(bytes + done, 0, sizeof bytes - done);
    for (size_t i = 0; i < TALLY_STATE_BYTES / TALLY_STATE_SLOT_BYTES; i++) {
        char origin[TALLY_ORIGIN_MAX + 1];
        tally_signed_state last;
        if (!tally_state_decode(bytes + i * TALLY_STATE_SLOT_BYTES, origin, &last)) continue;
        if (strcmp(origin, state->origin) != 0)
            return refuse(state, TALLY_E_ORIGIN, "the signer's memory is that of another log", error);
        if (!any || last.sequence >= state->last.sequence) state->last = last;
        any = true;
    }
    if (any) return TALLY_OK;
    return refuse(state, TALLY_E_DAMAGED,
                  "the signer's memory is damaged: which head was signed last is not known; restore it", error);
}

static tally_status open_locked(tally_state_file *state, tally_error *error)
{
    const tally_outside *place = &state->place;
    const tally_platform *platform = place->folder.platform;
    int32_t os_error = 0;
    tally_status status =
        tally_file_open(&place->folder, place->name, TALLY_OPEN_READ | TALLY_OPEN_WRITE, &state->file, error);
    if (status != TALLY_OK) return status;
    status = platform->lock_file(platform->context, state->file, &os_error);
    if (status == TALLY_OK) return TALLY_OK;
    if (status == TALLY_E_LOCKED)
        return refuse(state, status, "another store signs with this memory now: two copies of one log, perhaps", error);
    return tally_fail_os(error, status, os_error, place->folder.path, "the signer's memory could not be locked");
}

tally_status tally_state_open(tally_state_file *state, const tally_outside *place, const char *origin,
                              tally_error *error)
{
    memset(state, 0, sizeof *state);
    state->place = *place;
    state->place.folder.file_mode = 0600;
    state->file = TALLY_FILE_NONE;
    memcpy(state->origin, origin, strlen(origin) + 1);
    tally_status status = open_locked(state, error);
    if (status == TALLY_E_NOT_FOUND) {
        tally_error_clear(error);
        status = make(state, error);
        if (status == TALLY_OK) status = open_locked(state, error);
    }
    if (status == TALLY_OK) status = read_slots(state, error);
    if (status != TALLY_OK) tally_state_close(state);
    return status;
}

void tally_state_close(tally_state_file *state) { tally_file_close(&state->place.folder, &state->file); }

tally_status tally_state_write(tally_state_file *state, uint64_t size, const tally_hash *root, tally_error *error)
{
    uint8_t slot[TALLY_STATE_SLOT_BYTES];
    const tally_outside *place = &state->place;
    tally_signed_state next = {state->last.sequence + 1, size, *root};
    tally_state_encode(state->origin, &next, slot);
    uint64_t offset = next.sequence % 2 * TALLY_STATE_SLOT_BYTES;
    tally_status status = tally_file_write(&place->folder, place->name, state->file, offset, slot, USED_BYTES, error);
    if (status == TALLY_OK) status = tally_file_sync(&place->folder, place->name, state->file, error);
    if (status == TALLY_OK) state->last = next;
    return status;
}
