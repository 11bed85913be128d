#include "platform/memory.h"
#include "wrap/wrap_state.h"

/* The one line that every function begins with: a call that is to fail ends here. Short and torn calls
 * are the business of the functions that know a length. */
#define MEET(call)                                                      \
    wrap_state *state = context;                                        \
    tally_status fault_status;                                          \
    uint32_t fault = wrap_meet(state, (call), &fault_status, os_error); \
    if (fault == WRAP_FAIL) return fault_status;                        \
    int32_t fault_os_error = *os_error;                                 \
    *os_error = 0

static tally_status open_file(void *context, const char *path, uint32_t flags, uint32_t mode, tally_file *file,
                              int32_t *os_error)
{
    *file = TALLY_FILE_NONE;
    MEET(WRAP_OPEN_FILE);
    (void)fault_os_error;
    tally_status status = state->inner->open_file(state->inner->context, path, flags, mode, file, os_error);
    if (status == TALLY_OK) atomic_fetch_add(&state->files, 1);
    return status;
}

/* A close that fails has closed all the same: that is what the system does. */
static tally_status close_file(void *context, tally_file file, int32_t *os_error)
{
    wrap_state *state = context;
    tally_status fault_status;
    int32_t fault_os_error;
    uint32_t fault = wrap_meet(state, WRAP_CLOSE_FILE, &fault_status, &fault_os_error);
    tally_status status = state->inner->close_file(state->inner->context, file, os_error);
    if (status == TALLY_OK) atomic_fetch_sub(&state->files, 1);
    if (fault != WRAP_FAIL) return status;
    *os_error = fault_os_error;
    return fault_status;
}

/* How much of a call is done. */
static size_t shortened(const wrap_state *state, uint32_t fault, size_t length)
{
    size_t bytes = state->fault.bytes;
    if (fault == WRAP_SHORT && bytes == 0) bytes = 1;
    return (fault == WRAP_SHORT || fault == WRAP_TEAR) && bytes < length ? bytes : length;
}

static tally_status read_at(void *context, tally_file file, void *data, size_t length, uint64_t offset, size_t *done,
                            int32_t *os_error)
{
    *done = 0;
    MEET(WRAP_READ_AT);
    (void)fault_os_error;
    if (fault == WRAP_TEAR) return fault_status;
    length = shortened(state, fault, length);
    return state->inner->read_at(state->inner->context, file, data, length, offset, done, os_error);
}

static tally_status write_at(void *context, tally_file file, const void *data, size_t length, uint64_t offset,
                             size_t *done, int32_t *os_error)
{
    *done = 0;
    MEET(WRAP_WRITE_AT);
    size_t part = shortened(state, fault, length);
    tally_status status = TALLY_OK;
    if (part > 0 || length == 0) {
        status = state->inner->write_at(state->inner->context, file, data, part, offset, done, os_error);
    }
    if (fault != WRAP_TEAR) return status;
    *done = 0;
    *os_error = fault_os_error;
    return fault_status;
}

/* The slices of the first `part` bytes go one by one: what the disk sees is the same. */
static tally_status write_part(wrap_state *state, tally_file file, const tally_slice *slices, size_t part,
                               uint64_t offset, size_t *done, int32_t *os_error)
{
    for (size_t i = 0; *done < part; i++) {
        size_t left = part - *done;
        size_t length = slices[i].length < left ? slices[i].length : left;
        size_t written = 0;
        tally_status status = state->inner->write_at(state->inner->context, file, slices[i].data, length,
                                                     offset + *done, &written, os_error);
        *done += written;
        if (status != TALLY_OK) return status;
        if (written < length) break;
    }
    return TALLY_OK;
}

static tally_status write_slices_at(void *context, tally_file file, const tally_slice *slices, size_t count,
                                    uint64_t offset, size_t *done, int32_t *os_error)
{
    *done = 0;
    MEET(WRAP_WRITE_SLICES_AT);
    if (fault == WRAP_NONE) {
        return state->inner->write_slices_at(state->inner->context, file, slices, count, offset, done, os_error);
    }
    size_t length = 0;
    for (size_t i = 0; i < count; i++) length += slices[i].length;
    tally_status status = write_part(state, file, slices, shortened(state, fault, length), offset, done, os_error);
    if (fault != WRAP_TEAR) return status;
    *done = 0;
    *os_error = fault_os_error;
    return fault_status;
}

static tally_status sync_data(void *context, tally_file file, int32_t *os_error)
{
    wrap_state *state = context;
    tally_status fault_status;
    uint32_t fault = wrap_meet(state, WRAP_SYNC_DATA, &fault_status, os_error);
    if (fault == WRAP_NONE || fault == WRAP_SHORT) { /* there is no half of a sync that went well */
        *os_error = 0;
        return state->inner->sync_data(state->inner->context, file, os_error);
    }
    /* After a power cut the disk is frozen as it was. */
    if (!atomic_load(&state->dark) && tally_memory_is_world(state->inner)) {
        tally_memory_sync_failed(state->inner, file, fault == WRAP_TEAR ? state->fault.bytes : 0);
    }
    return fault_status;
}

static tally_status sync_directory(void *context, const char *path, int32_t *os_error)
{
    MEET(WRAP_SYNC_DIRECTORY);
    (void)fault_os_error;
    return state->inner->sync_directory(state->inner->context, path, os_error);
}

static tally_status file_status(void *context, tally_file file, tally_file_status *about, int32_t *os_error)
{
    *about = (tally_file_status){0};
    MEET(WRAP_FILE_STATUS);
    (void)fault_os_error;
    return state->inner->file_status(state->inner->context, file, about, os_error);
}

static tally_status truncate_file(void *context, tally_file file, uint64_t size_bytes, int32_t *os_error)
{
    MEET(WRAP_TRUNCATE_FILE);
    (void)fault_os_error;
    return state->inner->truncate_file(state->inner->context, file, size_bytes, os_error);
}

static tally_status allocate_space(void *context, tally_file file, uint64_t size_bytes, int32_t *os_error)
{
    MEET(WRAP_ALLOCATE_SPACE);
    (void)fault_os_error;
    return state->inner->allocate_space(state->inner->context, file, size_bytes, os_error);
}

static tally_status rename_file(void *context, const char *from, const char *to, int32_t *os_error)
{
    MEET(WRAP_RENAME_FILE);
    (void)fault_os_error;
    return state->inner->rename_file(state->inner->context, from, to, os_error);
}

static tally_status remove_file(void *context, const char *path, int32_t *os_error)
{
    MEET(WRAP_REMOVE_FILE);
    (void)fault_os_error;
    return state->inner->remove_file(state->inner->context, path, os_error);
}

static tally_status make_directory(void *context, const char *path, uint32_t mode, int32_t *os_error)
{
    MEET(WRAP_MAKE_DIRECTORY);
    (void)fault_os_error;
    return state->inner->make_directory(state->inner->context, path, mode, os_error);
}

static tally_status remove_directory(void *context, const char *path, int32_t *os_error)
{
    MEET(WRAP_REMOVE_DIRECTORY);
    (void)fault_os_error;
    return state->inner->remove_directory(state->inner->context, path, os_error);
}

static tally_status list_directory(void *context, const char *path, int32_t (*visit)(void *user_data, const char *name),
                                   void *user_data, int32_t *os_error)
{
    MEET(WRAP_LIST_DIRECTORY);
    (void)fault_os_error;
    return state->inner->list_directory(state->inner->context, path, visit, user_data, os_error);
}

static tally_status is_remote(void *context, const char *path, int32_t *remote, int32_t *os_error)
{
    *remote = 0;
    MEET(WRAP_IS_REMOTE);
    (void)fault_os_error;
    return state->inner->is_remote(state->inner->context, path, remote, os_error);
}

static tally_status lock_file(void *context, tally_file file, int32_t *os_error)
{
    MEET(WRAP_LOCK_FILE);
    (void)fault_os_error;
    return state->inner->lock_file(state->inner->context, file, os_error);
}

static tally_status unlock_file(void *context, tally_file file, int32_t *os_error)
{
    MEET(WRAP_UNLOCK_FILE);
    (void)fault_os_error;
    return state->inner->unlock_file(state->inner->context, file, os_error);
}

static tally_status map_file(void *context, tally_file file, uint64_t offset, size_t length, const void **address,
                             int32_t *os_error)
{
    *address = NULL;
    MEET(WRAP_MAP_FILE);
    (void)fault_os_error;
    tally_status status = state->inner->map_file(state->inner->context, file, offset, length, address, os_error);
    if (status == TALLY_OK) atomic_fetch_add(&state->maps, 1);
    return status;
}

static void unmap(void *context, const void *address, size_t length)
{
    wrap_state *state = context;
    tally_status ignored_status;
    int32_t ignored;
    (void)wrap_meet(state, WRAP_UNMAP, &ignored_status, &ignored);
    state->inner->unmap(state->inner->context, address, length);
    atomic_fetch_sub(&state->maps, 1);
}

void wrap_fill_files(tally_platform *table)
{
    table->open_file = open_file;
    table->close_file = close_file;
    table->read_at = read_at;
    table->write_at = write_at;
    table->write_slices_at = write_slices_at;
    table->sync_data = sync_data;
    table->sync_directory = sync_directory;
    table->file_status = file_status;
    table->truncate_file = truncate_file;
    table->allocate_space = allocate_space;
    table->rename_file = rename_file;
    table->remove_file = remove_file;
    table->make_directory = make_directory;
    table->remove_directory = remove_directory;
    table->list_directory = list_directory;
    table->is_remote = is_remote;
    table->lock_file = lock_file;
    table->unlock_file = unlock_file;
    table->map_file = map_file;
    table->unmap = unmap;
}
