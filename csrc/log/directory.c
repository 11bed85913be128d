#include "log/directory.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "log/recover.h"

typedef struct visit {
    tally_directory *directory;
    bool no_memory;
} visit;

/* Kept in order: systems list in any. Appending is the common case. */
static bool add_number(tally_directory *directory, uint64_t number)
{
    if (directory->count == directory->capacity) {
        size_t capacity = directory->capacity == 0 ? 64 : directory->capacity * 2;
        void *larger = directory->platform->resize(directory->platform->context, directory->numbers,
                                                   capacity * sizeof *directory->numbers);
        if (larger == NULL) return false;
        directory->numbers = larger;
        directory->capacity = capacity;
    }
    directory->numbers[directory->count++] = number;
    return true;
}

static bool ends_in_new(const char *name)
{
    size_t length = strlen(name);
    size_t ending = sizeof TALLY_NAME_NEW - 1;
    return length > ending && strcmp(name + length - ending, TALLY_NAME_NEW) == 0;
}

/* The directories and files that later parts of the format keep here are ours too. */
static bool is_ours(const char *name)
{
    static const char *const names[] = {TALLY_NAME_LOCK, TALLY_NAME_HEAD, TALLY_NAME_RUNS,
                                        "tree",          "KEYRING",       "CHECKPOINTS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) return true;
    }
    return ends_in_new(name);
}

static int32_t take(void *user_data, const char *name)
{
    visit *at = user_data;
    tally_directory *directory = at->directory;
    uint64_t number, generation;
    directory->names++;
    if (tally_name_is_segment(name, &number, &generation)) {
        if (generation != 0) {
            directory->later = true;
            (void)tally_text_copy(directory->later_name, sizeof directory->later_name, name, strlen(name));
        } else if (!add_number(directory, number)) {
            at->no_memory = true;
        }
    } else if (!is_ours(name) && directory->foreign[0] == '\0') {
        (void)tally_text_copy(directory->foreign, sizeof directory->foreign, name, strlen(name));
    }
    return at->no_memory;
}

static void sift(uint64_t *numbers, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && numbers[child + 1] > numbers[child]) child++;
        if (numbers[root] >= numbers[child]) return;
        uint64_t swapped = numbers[root];
        numbers[root] = numbers[child];
        numbers[child] = swapped;
    }
}

static void sort(uint64_t *numbers, size_t count)
{
    for (size_t i = count / 2; i-- > 0;) sift(numbers, i, count);
    for (size_t end = count; end > 1; end--) {
        uint64_t largest = numbers[0];
        numbers[0] = numbers[end - 1];
        numbers[end - 1] = largest;
        sift(numbers, 0, end - 1);
    }
}

tally_status tally_directory_list(const tally_folder *folder, tally_directory *directory, tally_error *error)
{
    visit at = {directory, false};
    int32_t os_error = 0;
    memset(directory, 0, sizeof *directory);
    directory->platform = folder->platform;
    tally_status status =
        folder->platform->list_directory(folder->platform->context, folder->path, take, &at, &os_error);
    if (at.no_memory) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for the list of segments");
    if (status != TALLY_OK) {
        return tally_fail_os(error, status, os_error, folder->path, "listing the directory failed: %s",
                             tally_status_message(status));
    }
    sort(directory->numbers, directory->count);
    return TALLY_OK;
}

void tally_directory_free(tally_directory *directory)
{
    if (directory->platform != NULL) directory->platform->release(directory->platform->context, directory->numbers);
    directory->numbers = NULL;
    directory->count = directory->capacity = 0;
}

tally_status tally_directory_look(const tally_folder *folder, bool *is_store, tally_error *error)
{
    tally_directory directory;
    *is_store = false;
    tally_status status = tally_directory_list(folder, &directory, error);
    if (status == TALLY_OK && directory.later) {
        status = tally_fail_os(error, TALLY_E_FORMAT, 0, folder->path,
                               "the file %s is of a later version of tallystick", directory.later_name);
    } else if (status == TALLY_OK && directory.count == 0 && directory.foreign[0] != '\0') {
        status =
            tally_fail_os(error, TALLY_E_FORMAT, 0, folder->path,
                          "the directory is no store and not empty: it has %s; give another path", directory.foreign);
    }
    if (status == TALLY_OK) *is_store = directory.count != 0;
    tally_directory_free(&directory);
    return status;
}
