/* Arguments that no friend would pass: NULL, garbage, stale, closed and foreign handles, structs of wrong
 * sizes. Each has its own error, none is a crash, and out-parameters stay zero. */
#include "handlers.h"

#include "handle/slab.h"

static const tally_handler_id some_id = {1, 1};
static const tally_notice notice = {.kind = 0};

/* Every function that takes a registry, called with `handle` and otherwise good arguments. */
static void call_all(const void *handle, tally_status wanted, int line)
{
    tally_registry *registry = (tally_registry *)(uintptr_t)handle;
    tally_registry *child = (tally_registry *)&child;
    tally_registry_statistics statistics = {.size = sizeof statistics};
    tally_observer observer = {sizeof observer, NULL,
                               (void (*)(void *, tally_handler_id, int32_t, const tally_failure *))abort};
    tally_part part = {.size = sizeof part};
    tally_notified result = {1, 1, 1, 1};
    tally_handler_id id = {1, 1};
    tally_error error;
    uint64_t number = 1;
    uint32_t word = 0;
    size_t rows = 1;
    int32_t answer = 1;
    tally_edit edit = {.operation = TALLY_EDIT_UNREGISTER};
    const struct {
        tally_status status;
        const char *name;
    } calls[] = {
#define CALL(call) {(memset(&error, 0, sizeof error), (call)), #call}
        CALL(tally_registry_child(registry, NULL, &child, &error)),
        CALL(tally_registry_register(registry, do_nothing, NULL, NULL, &id, &error)),
        CALL(tally_registry_unregister(registry, some_id, &answer, &error)),
        CALL(tally_registry_unregister_wait(registry, some_id, 0, &answer, &error)),
        CALL(tally_registry_edit(registry, &edit, 1, &error)),
        CALL(tally_registry_clear(registry, &number, &error)),
        CALL(tally_registry_find(registry, do_nothing, NULL, &id, &error)),
        CALL(tally_registry_notify(registry, &notice, &result, &error)),
        CALL(tally_registry_notify_observed(registry, &notice, &observer, &result, &error)),
        CALL(tally_registry_notify_part(registry, &notice, &part, NULL, &result, &error)),
        CALL(tally_registry_on_panic(registry, NULL, NULL, NULL, &error)),
        CALL(tally_registry_report(registry, some_id, &notice, -1, NULL, 0, NULL, &error)),
        CALL(tally_registry_mute(registry, &error)),
        CALL(tally_registry_unmute(registry, &error)),
        CALL(tally_registry_count(registry, &number, &error)),
        CALL(tally_registry_is_empty(registry, &answer, &error)),
        CALL(tally_registry_contains(registry, some_id, &answer, &error)),
        CALL(tally_registry_handlers(registry, NULL, 0, &rows, &error)),
        CALL(tally_registry_statistics_get(registry, &statistics, &error)),
        CALL(tally_registry_watch(registry, &word, &error)),
        CALL(tally_registry_unwatch(registry, &word, &error)),
        CALL(tally_registry_reclaim(registry, &number, &error)),
#undef CALL
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        (void)test_status(calls[i].status, wanted, calls[i].name, line);
    }
    CHECK(child == NULL);
    CHECK(id.registry == 0 && id.handler == 0);
    CHECK(number == 0 && rows == 0 && answer == 0);
    CHECK_NOTIFIED(result, 0, 0, 0, 0);
    CHECK_EQ(statistics.size, sizeof statistics);
    CHECK_EQ(tally_registry_number(registry), 0);
}

#define CALL_ALL(handle, wanted) call_all((handle), (wanted), __LINE__)

TEST(null_is_an_error_of_its_own)
{
    CALL_ALL(NULL, TALLY_E_NULL);
    CHECK_STATUS(tally_registry_close(NULL), TALLY_OK);
    tally_registry *nothing = NULL;
    CHECK_STATUS(tally_registry_close(&nothing), TALLY_OK);
    CHECK_STATUS(tally_registry_abandon(&nothing), TALLY_OK);
}

TEST(garbage_is_no_handle_and_is_not_followed)
{
    static uint64_t elsewhere[16];
    const uintptr_t bad[] = {1,
                             8,
                             64,
                             4096,
                             (uintptr_t)elsewhere,
                             UINTPTR_MAX,
                             UINTPTR_MAX - 63,
                             (uintptr_t)1 << 47,
                             0xddddddddddddddddu,
                             (uintptr_t)&call_all};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CALL_ALL((const void *)bad[i], TALLY_E_HANDLE);
        tally_registry *handle = (tally_registry *)bad[i];
        CHECK_STATUS(tally_registry_close(&handle), TALLY_E_HANDLE);
        CHECK((uintptr_t)handle == bad[i]);
        CHECK_EQ(tally_handle_generation((const void *)bad[i]), 0);
    }
}

TEST(a_pointer_between_two_slots_is_no_handle)
{
    tally_registry *registry = open_plain();
    for (uintptr_t off = 1; off < TALLY_SLOT_BYTES; off++) {
        CHECK_EQ(tally_handle_generation((const char *)registry + off), 0);
    }
    CALL_ALL((const char *)registry + 8, TALLY_E_HANDLE);
    uintptr_t first = (uintptr_t)tally_slab_first; /* as a number: no such pointer may be formed */
    CALL_ALL((const void *)(first - TALLY_SLOT_BYTES), TALLY_E_HANDLE);
    CALL_ALL((const void *)(first + sizeof tally_slab_first), TALLY_E_HANDLE);
    shut(&registry);
}

TEST(a_slot_that_was_never_used_is_no_handle)
{
    tally_slot *unused = &tally_slab_first[TALLY_SLAB_FIRST - 1];
    CALL_ALL(unused, TALLY_E_HANDLE);
    tally_registry *handle = (tally_registry *)unused;
    CHECK_STATUS(tally_registry_close(&handle), TALLY_E_HANDLE);
    CHECK(do_nothing(NULL, &notice) == TALLY_HANDLER_DONE);
    CHECK(tally_counter_handler(unused, &notice) != TALLY_HANDLER_DONE);
}

TEST(a_closed_registry_says_so)
{
    tally_registry *registry = open_plain();
    (void)add(registry, note, "a");
    const tally_registry *stale = registry;
    shut(&registry);
    CHECK(registry == NULL);
    CALL_ALL(stale, TALLY_E_CLOSED);
    tally_registry *again = (tally_registry *)(uintptr_t)stale;
    CHECK_STATUS(tally_registry_close(&again), TALLY_OK);
    CHECK(again == NULL);
    CHECK_TEXT(told(), "");
}

TEST(handles_of_other_kinds_are_told_apart)
{
    tally_counter *counter = NULL;
    tally_ring *ring = NULL;
    REQUIRE_STATUS(tally_counter_open(NULL, &counter, NULL), TALLY_OK);
    REQUIRE_STATUS(tally_ring_open(NULL, &ring, NULL), TALLY_OK);
    CALL_ALL(counter, TALLY_E_TYPE);
    CALL_ALL(ring, TALLY_E_TYPE);
    tally_registry *wrong = (tally_registry *)counter;
    CHECK_STATUS(tally_registry_close(&wrong), TALLY_E_TYPE);
    CHECK((void *)wrong == (void *)counter);
    tally_error error;
    (void)tally_registry_count((tally_registry *)counter, &(uint64_t){0}, &error);
    CHECK_SAYS(error, "counter");
    CHECK_SAYS(error, "registry");
    CHECK_STATUS(tally_counter_close(&counter), TALLY_OK);
    CHECK_STATUS(tally_ring_close(&ring), TALLY_OK);
    CALL_ALL(counter, TALLY_E_NULL);
}

TEST(missing_out_parameters_are_refused)
{
    tally_registry *registry = open_plain();
    tally_handler_id id = {7, 7};
    CHECK_STATUS(tally_registry_open(NULL, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_child(registry, NULL, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_register(registry, do_nothing, NULL, NULL, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_register(registry, NULL, NULL, NULL, &id, NULL), TALLY_E_NULL);
    CHECK(id.registry == 0 && id.handler == 0);
    CHECK_STATUS(tally_registry_count(registry, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_is_empty(registry, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_contains(registry, some_id, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_handlers(registry, NULL, 0, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_find(registry, do_nothing, NULL, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_find(registry, NULL, NULL, &id, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_statistics_get(registry, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_edit(registry, NULL, 1, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_notify(registry, NULL, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_notify_observed(registry, &notice, NULL, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_notify_part(registry, &notice, NULL, NULL, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_watch(registry, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_registry_report(registry, some_id, NULL, -1, NULL, 0, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_guard_close(NULL), TALLY_E_NULL);
    shut(&registry);
}

TEST(bad_notices_reach_no_handler)
{
    tally_registry *registry = open_plain();
    uint32_t pattern = kind_of("hostile.*");
    for (int round = 0; round < 2; round++) { /* an empty registry checks them too */
        const struct {
            tally_notice notice;
            tally_status wanted;
        } bad[] = {
            {{.flags = 1}, TALLY_E_ARGUMENT},
            {{.flags = 0x80000000u}, TALLY_E_ARGUMENT},
            {{.kind = pattern}, TALLY_E_ARGUMENT},
            {{.data = NULL, .length = 1}, TALLY_E_NULL},
            {{.data = "x", .length = SIZE_MAX}, TALLY_E_LENGTH},
            {{.data = "x", .length = (size_t)PTRDIFF_MAX + 1}, TALLY_E_LENGTH},
            {{.data = NULL, .length = SIZE_MAX}, TALLY_E_NULL},
        };
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            tally_notified result = {9, 9, 9, 9};
            tally_error error;
            CHECK_STATUS(tally_registry_notify(registry, &bad[i].notice, &result, &error), bad[i].wanted);
            CHECK_STATUS(error.status, bad[i].wanted);
            CHECK_NOTIFIED(result, 0, 0, 0, 0);
        }
        tally_notice fine = {.data = "", .length = 0};
        CHECK_STATUS(tally_registry_notify(registry, &fine, NULL, NULL), TALLY_OK);
        CHECK_TEXT(told(), round == 0 ? "" : "a");
        (void)add(registry, note, "a");
    }
    shut(&registry);
}

TEST(a_kind_that_nobody_interned_reaches_the_unfiltered_only)
{
    tally_registry *registry = open_plain();
    uint32_t pattern = kind_of("hostile.*");
    (void)add_with(registry, note, "p", (tally_handler_options){.kinds = &pattern, .kind_count = 1});
    (void)add(registry, note, "a");
    CHECK_NOTIFIED(notify_kind(registry, 0x7fffffff), 1, 0, 1, 0);
    CHECK_TEXT(told(), "a");
    shut(&registry);
}

TEST(ids_of_other_registries_are_foreign)
{
    tally_registry *one = open_plain();
    tally_registry *two = open_plain();
    tally_handler_id id = add(two, note, "a");
    tally_handler_id strange = {0, id.handler};
    uint32_t word;
    CHECK_STATUS(tally_registry_unregister(one, id, NULL, NULL), TALLY_E_FOREIGN);
    CHECK_STATUS(tally_registry_unregister_wait(one, id, 0, NULL, NULL), TALLY_E_FOREIGN);
    CHECK_STATUS(tally_registry_contains(one, id, &(int32_t){0}, NULL), TALLY_E_FOREIGN);
    CHECK_STATUS(tally_registry_contains(two, strange, &(int32_t){0}, NULL), TALLY_E_FOREIGN);
    CHECK_STATUS(tally_registry_report(one, id, &notice, -1, NULL, 0, NULL, NULL), TALLY_E_FOREIGN);
    tally_edit edit = {.operation = TALLY_EDIT_UNREGISTER, .id = id};
    CHECK_STATUS(tally_registry_edit(one, &edit, 1, NULL), TALLY_E_FOREIGN);
    CHECK_STATUS(edit.status, TALLY_E_FOREIGN);
    CHECK(has(two, id));
    CHECK_STATUS(tally_registry_unwatch(one, &word, NULL), TALLY_OK); /* was not watched */
    shut(&one);
    shut(&two);
}
