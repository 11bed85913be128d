/* Every allocation made to fail, once and for ever after: nothing crashes, leaks, lies or is half done, what
 * needs no memory never fails, and the registry works on. */
#include "handlers.h"

#include "wrap/wrap.h"

#define SINGLES 12
#define BATCH 50

/* What the scenario knows about the registry. */
typedef struct known {
    tally_registry *registry;
    tally_handler_id ids[SINGLES + BATCH];
    uint32_t count;   /* handlers that should be registered */
    uint32_t failing; /* of those, how many fail */
    uint64_t owned;   /* destructors that must have run at the end */
    uint32_t mutes;
    bool panic; /* on_panic is installed */
    uint32_t panics;
    uint64_t ended; /* destructors that ran before this registry's life */
} known;

static _Atomic(uint64_t) ends;
static uint32_t exact;

static int32_t fail_quietly(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    return tally_handler_fail(-3, "failed", 6, NULL);
}

static int32_t take_panic(void *user_data, const tally_failure *failure)
{
    CHECK_EQ(failure->code, -3);
    ((known *)user_data)->panics++;
    return 0;
}

static void check_same(const known *now)
{
    /* Those of removed handlers have run, or will when there is memory for a list without them. */
    CHECK(atomic_load(&ends) - now->ended <= now->owned - now->count);
    CHECK_EQ(count_of(now->registry), now->count);
    CHECK_EQ(look_at(now->registry).mutes, now->mutes);
}

/* Registers with every option there is; nothing is changed when it fails. */
static void register_one(known *now, uint32_t i)
{
    bool fails = i % 3 == 0;
    tally_handler_options options = {.size = sizeof options,
                                     .priority = (int32_t)(i % 4),
                                     .name = "name",
                                     .name_length = i % 5,
                                     .kinds = i % 2 ? &exact : NULL,
                                     .kind_count = i % 2,
                                     .destructor = count_end};
    tally_status status = tally_registry_register(now->registry, fails ? fail_quietly : do_nothing, (void *)&ends,
                                                  &options, &now->ids[now->count], NULL);
    if (status == TALLY_OK) {
        CHECK(has(now->registry, now->ids[now->count]));
        now->count++;
        now->failing += fails;
        now->owned++;
    } else {
        CHECK_STATUS(status, TALLY_E_NO_MEMORY);
        CHECK_EQ(now->ids[now->count].handler, 0);
    }
    check_same(now);
}

static void notify_all(known *now)
{
    uint32_t panics = now->panics;
    tally_notified result = notify_kind(now->registry, exact);
    CHECK_EQ(result.fired, now->mutes != 0 ? 0 : now->count);
    CHECK(result.fired + result.skipped >= now->count); /* what could not leave the list is skipped */
    CHECK_EQ(result.failed, now->mutes != 0 ? 0 : now->failing);
    if (now->panic) CHECK_EQ(now->panics - panics, result.failed);
}

/* Removal needs no memory: it always succeeds, at once. */
static void remove_first(known *now)
{
    if (now->count == 0) return;
    tally_handler_info rows[SINGLES + BATCH];
    size_t count;
    CHECK_STATUS(tally_registry_handlers(now->registry, rows, SINGLES + BATCH, &count, NULL), TALLY_OK);
    CHECK_EQ(count, now->count);
    CHECK(drop(now->registry, rows[0].id));
    CHECK(!has(now->registry, rows[0].id));
    CHECK(!drop(now->registry, rows[0].id));
    now->count--;
    bool failed = rows[0].failed != 0;
    now->failing -= failed;
    check_same(now);
    notify_all(now);
}

static void edit_all(known *now)
{
    static const tally_handler_options owned = {.size = sizeof owned, .destructor = count_end};
    tally_edit edits[BATCH];
    memset(edits, 0, sizeof edits);
    for (uint32_t i = 0; i < BATCH; i++) {
        edits[i].operation = TALLY_EDIT_REGISTER;
        edits[i].handler = do_nothing;
        edits[i].user_data = (void *)&ends;
        edits[i].options = &owned;
    }
    tally_handler_info row[SINGLES + BATCH];
    size_t count = 0;
    CHECK_STATUS(tally_registry_handlers(now->registry, row, SINGLES + BATCH, &count, NULL), TALLY_OK);
    bool drops = count != 0 && row[0].failed == 0;
    if (drops) edits[7] = (tally_edit){.operation = TALLY_EDIT_UNREGISTER, .id = row[0].id};
    tally_status status = tally_registry_edit(now->registry, edits, BATCH, NULL);
    if (status == TALLY_OK) {
        now->count += drops ? BATCH - 2 : BATCH;
        now->owned += drops ? BATCH - 1 : BATCH;
        if (drops) CHECK_EQ(edits[7].removed, 1);
    } else {
        CHECK_STATUS(status, TALLY_E_NO_MEMORY);
        for (uint32_t i = 0; i < BATCH; i++) {
            CHECK_EQ(edits[i].removed, 0);
            if (edits[i].operation == TALLY_EDIT_REGISTER) CHECK_EQ(edits[i].id.handler, 0);
        }
        if (drops) CHECK(has(now->registry, row[0].id));
    }
    check_same(now);
    notify_all(now);
}

static void mute_and_unmute(known *now)
{
    tally_status status = tally_registry_mute(now->registry, NULL);
    CHECK(status == TALLY_OK || status == TALLY_E_NO_MEMORY);
    now->mutes += status == TALLY_OK;
    check_same(now);
    notify_all(now);
    for (int tries = 0; now->mutes != 0 && tries < 2; tries++) {
        status = tally_registry_unmute(now->registry, NULL);
        CHECK(status == TALLY_OK || status == TALLY_E_NO_MEMORY);
        now->mutes -= status == TALLY_OK;
    }
    check_same(now);
    notify_all(now);
}

static void replace_panic(known *now)
{
    tally_status status = tally_registry_on_panic(now->registry, take_panic, now, NULL, NULL);
    CHECK(status == TALLY_OK || status == TALLY_E_NO_MEMORY);
    if (status == TALLY_OK) now->panic = true;
    notify_all(now);
}

/* With and without a parent. */
static void life(known *now)
{
    for (uint32_t i = 0; i < SINGLES; i++) register_one(now, i);
    notify_all(now);
    replace_panic(now);
    edit_all(now);
    mute_and_unmute(now);
    for (int i = 0; i < 4; i++) remove_first(now);
    replace_panic(now);
    uint64_t removed = 0;
    CHECK_STATUS(tally_registry_clear(now->registry, &removed, NULL), TALLY_OK);
    CHECK_EQ(removed, now->count);
    now->count = now->failing = 0;
    check_same(now);
    notify_all(now);
    for (uint32_t i = 0; i < 3; i++) register_one(now, i);
    notify_all(now);
}

static void scenario(const tally_platform *platform, void *unused)
{
    (void)unused;
    tally_registry_host host = {.size = sizeof host};
    tally_registry_options options = {.size = sizeof options, .platform = platform, .host = &host, .capacity = 4};
    known of_parent = {0};
    known of_child = {0};
    atomic_store(&ends, 0);
    exact = kind_of("allocation.exact");
    tally_status status = tally_registry_open(&options, &of_parent.registry, NULL);
    CHECK_EQ(of_parent.registry == NULL, status != TALLY_OK);
    if (status != TALLY_OK) return;
    life(&of_parent);
    status = tally_registry_child(of_parent.registry, NULL, &of_child.registry, NULL);
    CHECK_EQ(of_child.registry == NULL, status != TALLY_OK);
    if (status == TALLY_OK) {
        CHECK_STATUS(tally_registry_clear(of_parent.registry, NULL, NULL), TALLY_OK);
        of_child.ended = atomic_load(&ends);
        life(&of_child);
    }
    shut(&of_parent.registry);
    shut(&of_child.registry);
    CHECK_EQ(ends, of_parent.owned + of_child.owned);
}

TEST(every_allocation_of_a_registrys_life_may_fail)
{
    tally_platform *platform = wrap_open(tally_platform_default());
    uint64_t leaks = 0;
    uint64_t runs =
        wrap_each_failure(platform, (wrap_fault){.calls = WRAP_MEMORY, .kind = WRAP_FAIL}, scenario, NULL, &leaks);
    CHECK_EQ(leaks, 0);
    CHECK(runs > 100);
    CHECK_EQ(wrap_blocks(platform), 0);
    wrap_close(&platform);
}

/* ---------------------------------------------------------------------------- what goes on afterwards */

static tally_platform *short_of_memory;

static tally_registry *open_short(uint32_t flags)
{
    short_of_memory = wrap_open(tally_platform_default());
    tally_registry_options options = {.size = sizeof options, .platform = short_of_memory, .flags = flags};
    return open_with(&options);
}

static void no_memory(bool none)
{
    wrap_fault fault = {.calls = WRAP_MEMORY, .kind = WRAP_FAIL, .for_ever = true};
    wrap_fault_set(short_of_memory, none ? &fault : NULL);
}

static void shut_short(tally_registry **registry)
{
    shut(registry);
    CHECK_EQ(wrap_blocks(short_of_memory), 0);
    wrap_close(&short_of_memory);
}

TEST(handlers_removed_without_memory_leave_the_list_when_there_is_some_again)
{
    tally_registry *registry = open_short(0);
    _Atomic(uint64_t) destroyed = 0;
    static char names[8][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    tally_handler_id ids[8];
    for (int i = 0; i < 8; i++) ids[i] = add(registry, note, names[i]);
    tally_handler_id owner =
        add_with(registry, do_nothing, &destroyed, (tally_handler_options){.destructor = count_end});
    no_memory(true);
    for (int i = 0; i < 8; i += 2) CHECK(drop(registry, ids[i]));
    CHECK(drop(registry, owner));
    CHECK_EQ(count_of(registry), 4);
    CHECK_EQ(notify(registry).fired, 4);
    CHECK_TEXT(told(), "bdfh");
    tally_handler_info rows[4];
    size_t count;
    CHECK_STATUS(tally_registry_handlers(registry, rows, 4, &count, NULL), TALLY_OK);
    CHECK_EQ(count, 4);
    CHECK_EQ(destroyed, 0);
    no_memory(false);
    (void)add_at(registry, -1, note, "i");
    CHECK_NOTIFIED(notify(registry), 5, 0, 0, 0);
    CHECK_TEXT(told(), "bdfhi");
    CHECK_STATUS(tally_registry_reclaim(registry, NULL, NULL), TALLY_OK);
    CHECK_EQ(destroyed, 1);
    shut_short(&registry);
}

TEST(an_emptied_registry_is_empty_even_without_memory)
{
    tally_registry *registry = open_short(0);
    tally_handler_id ids[3];
    for (int i = 0; i < 3; i++) ids[i] = add(registry, note, "x");
    no_memory(true);
    for (int i = 0; i < 3; i++) CHECK(drop(registry, ids[i]));
    CHECK_NOTIFIED(notify(registry), 0, 0, 0, 0);
    no_memory(false);
    shut_short(&registry);
}

TEST(a_once_handler_that_ran_is_swept_without_memory)
{
    tally_registry *registry = open_short(0);
    (void)add_with(registry, note, "o", (tally_handler_options){.flags = TALLY_HANDLER_ONCE});
    (void)add(registry, note, "p");
    no_memory(true);
    CHECK_EQ(notify(registry).fired, 2);
    tally_handler_id id;
    CHECK_STATUS(tally_registry_register(registry, note, "q", NULL, &id, NULL), TALLY_E_NO_MEMORY);
    CHECK_EQ(count_of(registry), 1);
    CHECK_EQ(notify(registry).fired, 1);
    CHECK_TEXT(told(), "opp");
    no_memory(false);
    CHECK_STATUS(tally_registry_reclaim(registry, NULL, NULL), TALLY_OK);
    CHECK_NOTIFIED(notify(registry), 1, 0, 0, 0);
    (void)told();
    shut_short(&registry);
}

TEST(a_failure_without_memory_loses_its_message_and_never_its_count)
{
    tally_registry *registry = open_short(0);
    (void)add(registry, fail_quietly, NULL);
    no_memory(true);
    for (int i = 0; i < 5; i++) CHECK_EQ(notify(registry).failed, 1);
    tally_handler_info row;
    size_t count;
    CHECK_STATUS(tally_registry_handlers(registry, &row, 1, &count, NULL), TALLY_OK);
    CHECK_EQ(row.failed, 5);
    CHECK_TEXT(row.last_message, "");
    no_memory(false);
    (void)notify(registry);
    CHECK_STATUS(tally_registry_handlers(registry, &row, 1, &count, NULL), TALLY_OK);
    CHECK_EQ(row.failed, 6);
    CHECK_TEXT(row.last_message, "failed");
    shut_short(&registry);
}

TEST(a_frail_handler_is_detached_without_memory)
{
    tally_registry *registry = open_short(0);
    _Atomic(uint64_t) destroyed = 0;
    tally_handler_id id = add_with(registry, fail_quietly, &destroyed,
                                   (tally_handler_options){.max_failures = 1, .destructor = count_end});
    (void)add(registry, do_nothing, NULL);
    no_memory(true);
    CHECK_EQ(notify(registry).failed, 1);
    CHECK(!has(registry, id));
    CHECK_EQ(notify(registry).failed, 0);
    CHECK_EQ(destroyed, 0);
    no_memory(false);
    CHECK_STATUS(tally_registry_reclaim(registry, NULL, NULL), TALLY_OK);
    CHECK_EQ(destroyed, 1);
    shut_short(&registry);
}
