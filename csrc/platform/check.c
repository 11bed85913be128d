#include <string.h>

#include <tallystick/platform.h>

#include "base/error.h"

typedef void (*any_function)(void);

/* Every function of the table, in its order. */
static const struct member {
    size_t offset;
    const char *name;
} members[] = {
#define MEMBER(name)                          \
    {                                         \
        offsetof(tally_platform, name), #name \
    }
    MEMBER(open_file),
    MEMBER(close_file),
    MEMBER(read_at),
    MEMBER(write_at),
    MEMBER(write_slices_at),
    MEMBER(sync_data),
    MEMBER(sync_directory),
    MEMBER(file_status),
    MEMBER(truncate_file),
    MEMBER(allocate_space),
    MEMBER(rename_file),
    MEMBER(remove_file),
    MEMBER(make_directory),
    MEMBER(remove_directory),
    MEMBER(list_directory),
    MEMBER(is_remote),
    MEMBER(lock_file),
    MEMBER(unlock_file),
    MEMBER(map_file),
    MEMBER(unmap),
    MEMBER(wall_clock_us),
    MEMBER(monotonic_ns),
    MEMBER(boot_id),
    MEMBER(process_id),
    MEMBER(host_name),
    MEMBER(random_bytes),
    MEMBER(sleep_ns),
    MEMBER(allocate),
    MEMBER(resize),
    MEMBER(release),
    MEMBER(allocate_locked),
    MEMBER(release_locked),
    MEMBER(protect),
    MEMBER(start_thread),
    MEMBER(join_thread),
    MEMBER(mutex_init),
    MEMBER(mutex_destroy),
    MEMBER(mutex_lock),
    MEMBER(mutex_unlock),
    MEMBER(condition_init),
    MEMBER(condition_destroy),
    MEMBER(condition_wait),
    MEMBER(condition_wake_all),
    MEMBER(once),
    MEMBER(process_barrier_prepare),
    MEMBER(process_barrier),
    MEMBER(thread_exit_hook),
    MEMBER(thread_exit_arm),
    MEMBER(fork_hooks),
#undef MEMBER
};

#define MEMBER_COUNT (sizeof members / sizeof members[0])

/* A member that is added to the table and forgotten here does not compile. */
_Static_assert(offsetof(tally_platform, open_file) + MEMBER_COUNT * sizeof(any_function) == sizeof(tally_platform),
               "the list has every function of tally_platform");

tally_status tally_platform_check(const tally_platform *platform, tally_error *error)
{
    tally_error_clear(error);
    if (platform == NULL) return tally_fail(error, TALLY_E_NULL, "the platform is NULL; use tally_platform_default()");
    if ((uintptr_t)platform % _Alignof(tally_platform) != 0) {
        return tally_fail(error, TALLY_E_ALIGNMENT, "the platform is at an address that is no multiple of %zu",
                          _Alignof(tally_platform));
    }
    /* A newer, larger table is fine: this library calls only what it knows. */
    if (platform->size < sizeof(tally_platform) || platform->size > TALLY_STRUCT_SIZE_MAX) {
        return tally_fail(error, TALLY_E_STRUCT_SIZE,
                          "tally_platform.size is %zu, sizeof(tally_platform) is %zu; start from a copy of the default",
                          platform->size, sizeof(tally_platform));
    }
    if (platform->name == NULL) {
        return tally_fail(error, TALLY_E_NULL, "tally_platform.name is NULL; every member must be set");
    }
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        any_function function;
        memcpy(&function, (const char *)platform + members[i].offset, sizeof function);
        if (function == NULL) {
            return tally_fail_at(error, TALLY_E_NULL, i, "tally_platform.%s is NULL; every member must be set",
                                 members[i].name);
        }
    }
    return TALLY_OK;
}
