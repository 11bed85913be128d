/* The slab: slots are used again as late as possible and with a new generation, it grows beyond its first
 * chunk, and does not when there is no memory. */
#include "handlers.h"

#include "handle/process.h"
#include "handle/slab.h"
#include "platform/default.h"
#include "wrap/wrap.h"

#define MANY (TALLY_SLAB_FIRST + 5000) /* into the second later chunk */

static tally_platform *platform;
static tally_registry *registries[MANY];

static void no_memory(bool none)
{
    wrap_fault fault = {.calls = WRAP_MEMORY, .kind = WRAP_FAIL, .for_ever = true};
    wrap_fault_set(platform, none ? &fault : NULL);
}

/* Before anything was opened: the first test of the program. */
TEST(reclaiming_before_anything_was_opened_uses_no_lock_that_was_not_made)
{
    platform = wrap_open(tally_platform_default());
    tally_platform_default_replace(platform);
    uint64_t pending = 1;
    CHECK_STATUS(tally_reclaim(&pending, NULL), TALLY_OK);
    CHECK_EQ(pending, 0);
    if (wrap_count(platform, WRAP_BIT(WRAP_MUTEX_LOCK)) > 0) {
        CHECK_EQ(wrap_count(platform, WRAP_BIT(WRAP_MUTEX_INIT)), TALLY_LOCK_COUNT);
    }
    CHECK_EQ(tally_handle_count(), 0);
}

TEST(generations_begin_at_one_and_stay_after_the_close)
{
    tally_registry *registry = open_plain();
    const tally_registry *stale = registry;
    CHECK_EQ(tally_handle_generation(registry), 1);
    CHECK_EQ(tally_handle_count(), 1);
    shut(&registry);
    CHECK_EQ(tally_handle_generation(stale), 1);
    CHECK_EQ(tally_handle_generation(NULL), 0);
    CHECK_EQ(tally_handle_count(), 0);
}

TEST(a_closed_slot_is_used_again_last)
{
    tally_registry *first = open_plain();
    const tally_registry *stale = first;
    shut(&first);
    for (uint32_t i = 2; i < TALLY_SLAB_FIRST; i++) { /* one slot was used before this test */
        tally_registry *other = open_plain();
        CHECK(other != stale);
        shut(&other);
        if (test_has_failed()) return;
    }
}

TEST(a_slot_that_is_used_again_has_a_new_generation)
{
    /* All slots of the first chunk were used by now: the one that is free longest comes next. */
    tally_registry *registry = open_plain();
    CHECK_EQ(tally_handle_generation(registry), 2);
    tally_registry *next = open_plain();
    CHECK(next == (tally_registry *)((char *)registry + TALLY_SLOT_BYTES));
    shut(&registry);
    shut(&next);
}

TEST(an_id_of_a_former_registry_in_the_same_slot_is_foreign)
{
    tally_registry *registry = open_plain();
    tally_registry *slot = registry;
    tally_handler_id id = add(registry, note, "x");
    shut(&registry);
    tally_guard guard = {slot, id};
    do {
        if (registry != NULL) shut(&registry);
        registry = open_plain();
    } while (registry != slot);
    (void)add(registry, note, "y");
    CHECK_STATUS(tally_registry_unregister(registry, id, NULL, NULL), TALLY_E_FOREIGN);
    CHECK_STATUS(tally_guard_close(&guard), TALLY_OK);
    CHECK_EQ(count_of(registry), 1);
    shut(&registry);
}

TEST(thousands_of_handles_are_open_at_once)
{
    for (size_t i = 0; i < MANY; i++) {
        registries[i] = open_plain();
        REQUIRE(registries[i] != NULL);
    }
    CHECK_EQ(tally_handle_count(), MANY);
    for (size_t i = TALLY_SLAB_FIRST - 2; i < MANY; i++) {
        CHECK(tally_slab_holds(registries[i]));
        CHECK(!tally_slab_holds((const char *)registries[i] + 1));
        CHECK(tally_handle_generation(registries[i]) != 0);
    }
    /* Those in later chunks work like any other, and empty or closed are told. */
    tally_registry *late = registries[MANY - 1];
    CHECK_NOTIFIED(notify(late), 0, 0, 0, 0);
    tally_handler_id id = add(late, note, "late");
    CHECK_NOTIFIED(notify(late), 1, 0, 0, 0);
    CHECK_TEXT(told(), "late");
    CHECK_STATUS(tally_registry_notify(late, &(tally_notice){.flags = 1}, NULL, NULL), TALLY_E_ARGUMENT);
    CHECK(drop(late, id));
    /* And tally_reclaim finds them: here what a notify took off the list. */
    _Atomic(uint64_t) ends = 0;
    (void)add_with(late, do_nothing, &ends,
                   (tally_handler_options){.flags = TALLY_HANDLER_ONCE, .destructor = count_end});
    (void)notify(late);
    CHECK_EQ(ends, 0);
    CHECK_STATUS(tally_reclaim(NULL, NULL), TALLY_OK);
    CHECK_EQ(ends, 1);
    tally_registry *stale = late;
    shut(&registries[MANY - 1]);
    CHECK_STATUS(tally_registry_notify(stale, &(tally_notice){0}, NULL, NULL), TALLY_E_CLOSED);
    CHECK_STATUS(tally_registry_notify((tally_registry *)((char *)stale + 8), &(tally_notice){0}, NULL, NULL),
                 TALLY_E_HANDLE);
    /* Just behind the ends of the first two chunks. */
    CHECK(!tally_slab_holds(tally_slab_first + TALLY_SLAB_FIRST));
    CHECK(tally_slab_holds((const tally_slot *)(const void *)registries[TALLY_SLAB_FIRST] + TALLY_SLAB_FIRST - 1));
    CHECK(!tally_slab_holds((const tally_slot *)(const void *)registries[TALLY_SLAB_FIRST] + TALLY_SLAB_FIRST));
    /* A slot behind the last one used: there, but never opened. */
    tally_registry *never = (tally_registry *)((char *)stale + TALLY_SLOT_BYTES);
    CHECK_STATUS(tally_registry_notify(never, &(tally_notice){0}, NULL, NULL), TALLY_E_HANDLE);
    CHECK_EQ(tally_handle_generation(never), 0);
    for (size_t i = 0; i + 1 < MANY; i++) shut(&registries[i]);
    CHECK_EQ(tally_handle_count(), 0);
}

static tally_status open_or_fail(tally_registry **registry)
{
    /* Its own memory is the system's: only the slab is short. */
    tally_registry_options options = {.size = sizeof options, .platform = wrap_inner(platform)};
    return tally_registry_open(&options, registry, NULL);
}

TEST(without_memory_no_more_handles_than_there_are_slots)
{
    static tally_registry *opened[3 * MANY];
    size_t count = 0;
    no_memory(true);
    tally_status status;
    while ((status = open_or_fail(&opened[count])) == TALLY_OK) count++;
    CHECK_STATUS(status, TALLY_E_NO_MEMORY);
    CHECK(opened[count] == NULL);
    CHECK(count >= MANY - 1);
    tally_counter *counter = NULL;
    CHECK_STATUS(tally_counter_open(wrap_inner(platform), &counter, NULL), TALLY_E_NO_MEMORY);
    CHECK(counter == NULL);
    tally_registry *child = NULL;
    CHECK_STATUS(tally_registry_child(opened[0], NULL, &child, NULL), TALLY_E_NO_MEMORY);
    CHECK(child == NULL);
    CHECK_EQ(count_of(opened[0]), 0);
    no_memory(false);
    CHECK_STATUS(open_or_fail(&opened[count]), TALLY_OK);
    for (size_t i = 0; i <= count; i++) shut(&opened[i]);
}

static _Atomic(uint32_t) clashes;

static void open_and_close_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3000; i++) {
        tally_registry *mine = open_plain();
        uint64_t number = tally_registry_number(mine);
        tally_registry *other = open_plain();
        if (mine == other || number != tally_registry_number(mine)) atomic_fetch_add(&clashes, 1);
        shut(&mine);
        shut(&other);
    }
}

TEST(threads_never_get_the_same_slot)
{
    helper threads[4];
    for (int i = 0; i < 4; i++) start(&threads[i], open_and_close_many, NULL);
    for (int i = 0; i < 4; i++) join(&threads[i]);
    CHECK_EQ(clashes, 0);
    tally_platform_default_replace(NULL);
    wrap_close(&platform);
}
