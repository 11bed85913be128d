#include "wrap/wrap.h"

#include <stdlib.h>

#include "wrap/wrap_state.h"

static wrap_state *state_of(const tally_platform *platform) { return platform->context; }

tally_platform *wrap_open(const tally_platform *inner)
{
    wrap_state *state = calloc(1, sizeof *state);
    if (state == NULL) return NULL;
    state->inner = inner;
    state->table.size = sizeof state->table;
    state->table.name = "wrapped";
    state->table.context = state;
    wrap_fill_files(&state->table);
    wrap_fill_rest(&state->table);
    return &state->table;
}

void wrap_close(tally_platform **platform)
{
    free(state_of(*platform));
    *platform = NULL;
}

const tally_platform *wrap_inner(const tally_platform *platform) { return state_of(platform)->inner; }

void wrap_fault_set(tally_platform *platform, const wrap_fault *fault)
{
    wrap_state *state = state_of(platform);
    state->fault = fault == NULL ? (wrap_fault){0} : *fault;
    if (state->fault.status == TALLY_OK) state->fault.status = TALLY_E_IO;
    atomic_store(&state->met, 0);
    atomic_store(&state->hit, false);
    atomic_store(&state->dark, false);
}

bool wrap_fault_hit(const tally_platform *platform) { return atomic_load(&state_of(platform)->hit); }

uint32_t wrap_meet(wrap_state *state, wrap_call call, tally_status *status, int32_t *os_error)
{
    const wrap_fault *fault = &state->fault;
    uint64_t bit = WRAP_BIT(call);
    atomic_fetch_add(&state->counts[call], 1);
    if ((state->watched & bit) != 0) state->watch(state->watch_user_data, call);
    uint32_t kind = WRAP_NONE;
    if (fault->kind != WRAP_NONE && (fault->calls & bit) != 0) {
        uint64_t before = atomic_fetch_add(&state->met, 1);
        if (before == fault->skip || (before > fault->skip && fault->for_ever)) {
            kind = fault->kind;
            atomic_store(&state->hit, true);
        }
    }
    if (kind == WRAP_POWER) atomic_store(&state->dark, true);
    if (atomic_load(&state->dark)) {
        kind = (WRAP_DISK & bit) != 0 ? WRAP_FAIL : WRAP_NONE;
        *status = TALLY_E_IO;
        *os_error = 0;
        return kind;
    }
    *status = fault->status;
    *os_error = fault->os_error;
    return kind;
}

uint64_t wrap_count(const tally_platform *platform, uint64_t calls)
{
    uint64_t sum = 0;
    for (int call = 0; call < WRAP_CALL_COUNT; call++) {
        if ((calls & WRAP_BIT(call)) != 0) sum += atomic_load(&state_of(platform)->counts[call]);
    }
    return sum;
}

int64_t wrap_blocks(const tally_platform *platform) { return atomic_load(&state_of(platform)->blocks); }
int64_t wrap_open_files(const tally_platform *platform) { return atomic_load(&state_of(platform)->files); }
int64_t wrap_maps(const tally_platform *platform) { return atomic_load(&state_of(platform)->maps); }
int64_t wrap_threads(const tally_platform *platform) { return atomic_load(&state_of(platform)->threads); }

void wrap_watch(tally_platform *platform, uint64_t calls, void (*watch)(void *user_data, wrap_call call),
                void *user_data)
{
    wrap_state *state = state_of(platform);
    state->watched = watch == NULL ? 0 : calls;
    state->watch = watch;
    state->watch_user_data = user_data;
}

static int64_t held(const tally_platform *platform)
{
    return wrap_blocks(platform) + wrap_open_files(platform) + wrap_maps(platform) + wrap_threads(platform);
}

static uint64_t each_failure(tally_platform *platform, wrap_fault fault,
                             void (*scenario)(const tally_platform *platform, void *user_data), void *user_data,
                             uint64_t *leaks)
{
    for (fault.skip = 0;; fault.skip++) {
        int64_t before = held(platform);
        wrap_fault_set(platform, &fault);
        scenario(platform, user_data);
        bool hit = wrap_fault_hit(platform);
        wrap_fault_set(platform, NULL);
        if (held(platform) != before) (*leaks)++;
        if (!hit) return fault.skip;
    }
}

uint64_t wrap_each_failure(tally_platform *platform, wrap_fault fault,
                           void (*scenario)(const tally_platform *platform, void *user_data), void *user_data,
                           uint64_t *leaks)
{
    *leaks = 0;
    fault.for_ever = false;
    uint64_t runs = each_failure(platform, fault, scenario, user_data, leaks);
    fault.for_ever = true;
    return runs + each_failure(platform, fault, scenario, user_data, leaks);
}

const char *wrap_call_name(wrap_call call)
{
    static const char *const names[WRAP_CALL_COUNT] = {
        "open_file",
        "close_file",
        "read_at",
        "write_at",
        "write_slices_at",
        "sync_data",
        "sync_directory",
        "file_status",
        "truncate_file",
        "allocate_space",
        "rename_file",
        "remove_file",
        "make_directory",
        "remove_directory",
        "list_directory",
        "is_remote",
        "lock_file",
        "unlock_file",
        "map_file",
        "unmap",
        "wall_clock_us",
        "monotonic_ns",
        "boot_id",
        "process_id",
        "host_name",
        "random_bytes",
        "sleep_ns",
        "allocate",
        "resize",
        "release",
        "allocate_locked",
        "release_locked",
        "protect",
        "start_thread",
        "join_thread",
        "mutex_init",
        "mutex_destroy",
        "mutex_lock",
        "mutex_unlock",
        "condition_init",
        "condition_destroy",
        "condition_wait",
        "condition_wake_all",
        "once",
        "process_barrier_prepare",
        "process_barrier",
        "thread_exit_hook",
        "thread_exit_arm",
        "fork_hooks",
    };
    return call < WRAP_CALL_COUNT ? names[call] : "no call";
}
