/* registry.md 14: many changes as one, all or nothing. */
#include "handlers.h"

#include "scribble.h"

static tally_registry *registry;

static tally_edit adding(const char *name)
{
    return (tally_edit){.operation = TALLY_EDIT_REGISTER, .handler = note, .user_data = (void *)(uintptr_t)name};
}

static tally_edit dropping(tally_handler_id id) { return (tally_edit){.operation = TALLY_EDIT_UNREGISTER, .id = id}; }

TEST(many_registrations_become_visible_together_and_sorted)
{
    registry = open_plain();
    (void)add(registry, note, "m");
    tally_handler_options high = {.size = sizeof high, .priority = 5};
    tally_handler_options low = {.size = sizeof low, .priority = -5};
    tally_edit edits[] = {adding("n"), adding("x"), adding("a"), adding("b"), adding("y"), adding("o")};
    edits[1].options = edits[4].options = &low;
    edits[2].options = edits[3].options = &high;
    CHECK_STATUS(tally_registry_edit(registry, edits, 6, NULL), TALLY_OK);
    for (int i = 0; i < 6; i++) {
        CHECK_STATUS(edits[i].status, TALLY_OK);
        CHECK(has(registry, edits[i].id));
        CHECK(i == 0 || edits[i].id.handler > edits[i - 1].id.handler);
    }
    (void)notify(registry);
    CHECK_TEXT(told(), "abmnoxy");
    shut(&registry);
}

TEST(removals_and_registrations_mix)
{
    registry = open_plain();
    tally_handler_id a = add(registry, note, "a");
    tally_handler_id b = add(registry, note, "b");
    (void)add(registry, note, "c");
    tally_edit edits[] = {dropping(b), adding("d"), dropping(a), dropping(a), adding("e")};
    CHECK_STATUS(tally_registry_edit(registry, edits, 5, NULL), TALLY_OK);
    CHECK_EQ(edits[0].removed, 1);
    CHECK_EQ(edits[2].removed, 1);
    CHECK_EQ(edits[3].removed, 0); /* gone already */
    (void)notify(registry);
    CHECK_TEXT(told(), "cde");
    CHECK_EQ(count_of(registry), 3);
    shut(&registry);
}

TEST(a_batch_may_replace_everything_or_empty_it)
{
    registry = open_plain();
    tally_handler_id ids[3];
    for (int i = 0; i < 3; i++) ids[i] = add(registry, note, "old");
    tally_edit edits[] = {dropping(ids[0]), dropping(ids[1]), dropping(ids[2]), adding("new")};
    CHECK_STATUS(tally_registry_edit(registry, edits, 4, NULL), TALLY_OK);
    (void)notify(registry);
    CHECK_TEXT(told(), "new");
    tally_edit last = dropping(edits[3].id);
    CHECK_STATUS(tally_registry_edit(registry, &last, 1, NULL), TALLY_OK);
    int32_t empty = 0;
    CHECK_STATUS(tally_registry_is_empty(registry, &empty, NULL), TALLY_OK);
    CHECK_EQ(empty, 1);
    CHECK_NOTIFIED(notify(registry), 0, 0, 0, 0);
    (void)add(registry, note, "again");
    (void)notify(registry);
    CHECK_TEXT(told(), "again");
    shut(&registry);
}

TEST(one_refused_item_refuses_all_and_each_says_why)
{
    registry = open_plain();
    tally_handler_id kept = add(registry, note, "kept");
    tally_handler_options bad = {.size = sizeof bad, .flags = 128};
    tally_edit edits[] = {adding("x"),      dropping(kept), adding("y"),
                          {.operation = 3}, adding("z"),    dropping((tally_handler_id){1, 1}),
                          adding("w")};
    edits[2].options = &bad;
    edits[4].handler = NULL;
    edits[0].id = edits[2].id = edits[4].id = kept; /* left from an earlier use */
    edits[0].removed = edits[1].removed = 1;
    tally_error error;
    CHECK_STATUS(tally_registry_edit(registry, edits, 7, &error), TALLY_E_OPTION);
    CHECK_EQ(error.position, 2);
    const tally_status wanted[] = {TALLY_OK,     TALLY_OK,        TALLY_E_OPTION, TALLY_E_OPTION,
                                   TALLY_E_NULL, TALLY_E_FOREIGN, TALLY_OK};
    for (int i = 0; i < 7; i++) {
        CHECK_STATUS(edits[i].status, wanted[i]);
        CHECK_EQ(edits[i].removed, 0);
        if (edits[i].operation == TALLY_EDIT_REGISTER) CHECK_EQ(edits[i].id.handler, 0);
    }
    CHECK(has(registry, kept));
    (void)notify(registry);
    CHECK_TEXT(told(), "kept");
    shut(&registry);
}

TEST(a_guessed_id_of_the_same_batch_is_not_there_yet)
{
    registry = open_plain();
    tally_handler_id last = add(registry, note, "a");
    tally_edit edits[] = {adding("b"), dropping((tally_handler_id){last.registry, last.handler + 1})};
    CHECK_STATUS(tally_registry_edit(registry, edits, 2, NULL), TALLY_OK);
    CHECK_EQ(edits[0].id.handler, last.handler + 1);
    CHECK_EQ(edits[1].removed, 0);
    CHECK(has(registry, edits[0].id));
    (void)add(registry, note, "c");
    CHECK_NOTIFIED(notify(registry), 3, 0, 0, 0);
    CHECK_TEXT(told(), "abc");
    CHECK(drop(registry, edits[0].id));
    CHECK_EQ(count_of(registry), 2);
    shut(&registry);
}

TEST(destructors_of_a_batch_run_once_and_only_for_what_was_taken)
{
    registry = open_plain();
    _Atomic(uint64_t) ends = 0;
    tally_handler_options owned = {.size = sizeof owned, .destructor = count_end};
    tally_edit edits[3] = {adding(""), adding(""), {.operation = 9}};
    for (int i = 0; i < 2; i++) {
        edits[i].handler = do_nothing;
        edits[i].user_data = &ends;
        edits[i].options = &owned;
    }
    CHECK_STATUS(tally_registry_edit(registry, edits, 3, NULL), TALLY_E_OPTION);
    CHECK_EQ(ends, 0); /* refused: it is still the caller's */
    CHECK_STATUS(tally_registry_edit(registry, edits, 2, NULL), TALLY_OK);
    tally_edit drops[2] = {dropping(edits[0].id), dropping(edits[1].id)};
    CHECK_STATUS(tally_registry_edit(registry, drops, 2, NULL), TALLY_OK);
    CHECK_EQ(ends, 2);
    shut(&registry);
    CHECK_EQ(ends, 2);
}

TEST(no_edits_change_nothing)
{
    registry = open_plain();
    CHECK_STATUS(tally_registry_edit(registry, NULL, 0, NULL), TALLY_OK);
    tally_edit edit = adding("x");
    CHECK_STATUS(tally_registry_edit(registry, &edit, 1048577, NULL), TALLY_E_LENGTH);
    CHECK_STATUS(tally_registry_edit(registry, &edit, SIZE_MAX, NULL), TALLY_E_LENGTH);
    CHECK_EQ(count_of(registry), 0);
    shut(&registry);
}

#define MANY 20000
static tally_edit many[MANY];
static tally_handler_options priorities[7];
static uint32_t called;
static uint64_t last_seen;

static int32_t check_order(void *user_data, const tally_notice *notice)
{
    (void)notice;
    uint64_t place = (uint64_t)(uintptr_t)user_data;
    uint64_t rank = (6 - place % 7) << 32 | place; /* priority first, then the order of the batch */
    CHECK(called == 0 || rank > last_seen);
    last_seen = rank;
    called++;
    return TALLY_HANDLER_DONE;
}

TEST(a_large_batch_is_sorted_stably_in_one_snapshot)
{
    registry = open_plain();
    for (int32_t p = 0; p < 7; p++)
        priorities[p] = (tally_handler_options){.size = sizeof priorities[p], .priority = p};
    for (uintptr_t i = 0; i < MANY; i++) {
        many[i] = (tally_edit){.operation = TALLY_EDIT_REGISTER,
                               .handler = check_order,
                               .user_data = (void *)(i + 1),
                               .options = &priorities[(i + 1) % 7]};
    }
    CHECK_STATUS(tally_registry_edit(registry, many, MANY, NULL), TALLY_OK);
    CHECK_EQ(count_of(registry), MANY);
    called = 0;
    CHECK_NOTIFIED(notify(registry), MANY, 0, 0, 0);
    CHECK_EQ(called, MANY);
    for (uintptr_t i = 0; i < MANY; i++) many[i] = dropping(many[i].id);
    CHECK_STATUS(tally_registry_edit(registry, many, MANY, NULL), TALLY_OK);
    for (uintptr_t i = 0; i < MANY; i++) CHECK_EQ(many[i].removed, 1);
    CHECK_EQ(count_of(registry), 0);
    shut(&registry);
}

TEST(a_batch_inside_a_handler_holds_from_the_next_notify)
{
    registry = open_plain();
    (void)add(registry, note, "a");
    tally_edit edit = adding("b");
    CHECK_STATUS(tally_registry_mute(registry, NULL), TALLY_OK);
    CHECK_STATUS(tally_registry_edit(registry, &edit, 1, NULL), TALLY_OK);
    CHECK_NOTIFIED(notify(registry), 0, 0, 2, 0);
    CHECK_STATUS(tally_registry_unmute(registry, NULL), TALLY_OK);
    (void)notify(registry);
    CHECK_TEXT(told(), "ab");
    shut(&registry);
}

/* ------------------------------------------------- another thread writes to the edits meanwhile */

static tally_edit treacherous[3];

static void turn_into_registrations(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) treacherous[i] = adding("x");
}

static void take_the_handler_away(void *unused)
{
    (void)unused;
    treacherous[0].handler = NULL;
}

static scribble_state *scribbling;

static void change_the_id(void *unused)
{
    (void)unused;
    treacherous[0].id.handler = UINT64_MAX;
}

static void change_the_id_later(void *unused)
{
    (void)unused;
    scribbling->during_allocate = change_the_id; /* when the new list is made */
}

TEST(an_id_that_changes_after_the_check_does_no_harm)
{
    tally_platform *platform = scribble_open();
    scribbling = scribble_of(platform);
    registry = open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .platform = platform});
    (void)add(registry, note, "a");
    treacherous[0] = dropping(add_with(registry, note, "b", (tally_handler_options){.flags = TALLY_HANDLER_ONCE}));
    scribbling->during_allocate = change_the_id_later;
    CHECK_STATUS(tally_registry_edit(registry, treacherous, 1, NULL), TALLY_OK);
    CHECK(scribbling->during_allocate == NULL);
    CHECK_NOTIFIED(notify(registry), 1, 0, 0, 0);
    CHECK_TEXT(told(), "a");
    shut(&registry);
    CHECK(scribble_close(&platform));
}

static void edit_while(void (*meanwhile)(void *unused), tally_edit first)
{
    tally_platform *platform = scribble_open();
    registry = open_with(
        &(tally_registry_options){.size = sizeof(tally_registry_options), .platform = platform, .capacity = 64});
    tally_handler_id id = add(registry, note, "a");
    treacherous[0] = first;
    if (first.operation == TALLY_EDIT_UNREGISTER) treacherous[0].id = id;
    treacherous[1] = treacherous[2] = dropping(id);
    scribble_of(platform)->during_allocate = meanwhile; /* between the check and the change */
    tally_status status = tally_registry_edit(registry, treacherous, 3, NULL);
    CHECK(scribble_of(platform)->during_allocate == NULL);
    CHECK(status != TALLY_OK);
    CHECK_NOTIFIED(notify(registry), 1, 0, 0, 0);
    CHECK_TEXT(told(), "a");
    shut(&registry);
    CHECK(scribble_close(&platform));
}

TEST(more_registrations_than_were_checked_are_refused)
{
    edit_while(turn_into_registrations, (tally_edit){.operation = TALLY_EDIT_UNREGISTER});
}

TEST(a_handler_that_vanishes_after_the_check_is_refused) { edit_while(take_the_handler_away, adding("y")); }
