/* A registry and a child of it against a naive model: 100 000 random steps. The model is two sorted arrays; it
 * checks every call of a handler at the moment it happens, so also what handlers do to the list while it runs. */
#include "registry_model.h"
#include "scribble.h"

#define STEPS 100000

/* ----------------------------------------------------------------------------------------- the steps */

static int32_t on_event(void *user_data, const tally_notice *notice);

static void fill_options(const member *one, uint32_t *kinds, tally_handler_options *options)
{
    *options = (tally_handler_options){.size = sizeof *options,
                                       .priority = one->priority,
                                       .flags = one->once ? TALLY_HANDLER_ONCE : 0,
                                       .max_failures = one->max_failures,
                                       .destructor = one->owned ? destroy : NULL};
    for (uint32_t k = 0; k < KINDS; k++) {
        if (one->kinds & 1u << k) kinds[options->kind_count++] = kind_numbers[k];
    }
    if (options->kind_count != 0) options->kinds = kinds;
}

static member *invent(side *home)
{
    member *one = &members[ever++];
    *one = (member){.home = home,
                    .priority = (int32_t)below(7) - 3,
                    .action = (enum action)below(below(3) == 0 ? ACTIONS : NOTHING + 1),
                    .kinds = below(3) == 0 ? below(1u << KINDS) : 0,
                    .once = below(6) == 0,
                    .max_failures = below(4) == 0 ? 1 + below(3) : 0,
                    .owned = below(2) == 0};
    owned += one->owned;
    return one;
}

static void add_some(side *home)
{
    if (home->count == LIVE_MAX || home->registry == NULL) return;
    member *one = invent(home);
    uint32_t kinds[KINDS];
    tally_handler_options options;
    fill_options(one, kinds, &options);
    CHECK_STATUS(tally_registry_register(home->registry, on_event, one, &options, &one->id, NULL), TALLY_OK);
    model_add(one);
}

static void drop_one(member *gone)
{
    if (gone->home->registry == NULL || gone->id.registry != tally_registry_number(gone->home->registry)) return;
    int32_t removed = -1;
    bool was = model_drop(gone); /* before the call: a destructor that runs in it asks the model */
    if (top == NULL && below(4) == 0) {
        CHECK_STATUS(tally_registry_unregister_wait(gone->home->registry, gone->id, TALLY_WAIT_FOREVER, &removed, NULL),
                     TALLY_OK);
    } else {
        CHECK_STATUS(tally_registry_unregister(gone->home->registry, gone->id, &removed, NULL), TALLY_OK);
    }
    CHECK_EQ(removed, was);
}

static void drop_some(side *home)
{
    if (home->count != 0 && below(4) != 0) drop_one(home->list[below(home->count)]);
    else if (ever != 0) drop_one(&members[below(ever)]); /* most are gone long since */
}

static void edit_some(side *home)
{
    if (home->registry == NULL || home->count + 3 > LIVE_MAX) return;
    tally_edit edits[6];
    tally_handler_options options[6];
    uint32_t kinds[6][KINDS];
    member *made[6] = {NULL};
    bool was[6] = {false};
    uint32_t count = 1 + below(6);
    uint32_t adding = 0;
    memset(edits, 0, sizeof edits);
    for (uint32_t i = 0; i < count; i++) {
        if (adding < 3 && (home->count == 0 || below(2) == 0)) {
            adding++;
            made[i] = invent(home);
            fill_options(made[i], kinds[i], &options[i]);
            edits[i] = (tally_edit){
                .operation = TALLY_EDIT_REGISTER, .handler = on_event, .user_data = made[i], .options = &options[i]};
        } else {
            member *gone = home->count != 0 ? home->list[below(home->count)] : &members[0];
            edits[i] = (tally_edit){.operation = TALLY_EDIT_UNREGISTER, .id = gone->id};
            if (home->count == 0) edits[i].id.registry = tally_registry_number(home->registry);
            if (gone->home != home || gone->id.registry != edits[i].id.registry) edits[i].id.handler = 0;
            else was[i] = model_drop(gone);
        }
    }
    CHECK_STATUS(tally_registry_edit(home->registry, edits, count, NULL), TALLY_OK);
    for (uint32_t i = 0; i < count; i++) {
        if (made[i] == NULL) {
            CHECK_EQ(edits[i].removed, was[i]);
            continue;
        }
        made[i]->id = edits[i].id;
        model_add(made[i]);
    }
}

static void clear_all(side *home)
{
    if (home->registry == NULL) return;
    uint64_t removed = 0;
    uint32_t count = home->count;
    while (home->count > 0) (void)model_drop(home->list[0]);
    CHECK_STATUS(tally_registry_clear(home->registry, &removed, NULL), TALLY_OK);
    CHECK_EQ(removed, count);
}

static void mute_some(side *home)
{
    if (home->registry == NULL) return;
    if (home->mutes < 3 && below(2) == 0) {
        CHECK_STATUS(tally_registry_mute(home->registry, NULL), TALLY_OK);
        home->mutes++;
    } else {
        CHECK_STATUS(tally_registry_unmute(home->registry, NULL), home->mutes != 0 ? TALLY_OK : TALLY_E_RANGE);
        home->mutes -= home->mutes != 0;
    }
}

static int32_t take_report(void *user_data, const tally_failure *failure)
{
    const member *one = failure->user_data;
    CHECK(one->home == user_data);
    CHECK_EQ(failure->id.handler, one->id.handler);
    CHECK_EQ(failure->code, -9);
    CHECK_TEXT(failure->message, "as told");
    reports++;
    return 0;
}

static void change_panic(side *home)
{
    if (home->registry == NULL) return;
    home->panic = !home->panic;
    CHECK_STATUS(tally_registry_on_panic(home->registry, home->panic ? take_report : NULL, home->panic ? home : NULL,
                                         NULL, NULL),
                 TALLY_OK);
}

static void notify_side(side *home, uint32_t kind)
{
    if (home->registry == NULL) return;
    frame now = {.outer = top, .kind = kind == 0 ? 0 : 1u << (kind - 1)};
    for (side *level = home; level != NULL && level->registry != NULL; level = level->parent) {
        for (uint32_t i = 0; i < level->count; i++) {
            now.muted[now.count] = level->mutes != 0;
            now.list[now.count++] = level->list[i];
        }
    }
    top = &now;
    tally_notice notice = {.kind = kind == 0 ? TALLY_KIND_NONE : kind_numbers[kind - 1]};
    tally_notified result;
    CHECK_STATUS(tally_registry_notify(home->registry, &notice, &result, NULL), TALLY_OK);
    top = now.outer;
    CHECK_EQ(result.fired, now.fired);
    CHECK_EQ(result.failed, now.failed);
    CHECK_EQ(result.fired + result.skipped, now.count);
    CHECK_EQ((result.flags & TALLY_NOTIFIED_STOPPED) != 0, now.stopped);
    for (; !now.stopped && now.next < now.count; now.next++) CHECK(may_skip(&now, now.next)); /* none was forgotten */
}

static int32_t on_event(void *user_data, const tally_notice *notice)
{
    (void)notice;
    member *self = user_data;
    frame *now = top;
    CHECK(now != NULL);
    if (test_has_failed()) return TALLY_HANDLER_DONE;
    for (; now->next < now->count && now->list[now->next] != self; now->next++) CHECK(may_skip(now, now->next));
    CHECK(now->next < now->count); /* it is in the snapshot, and in its turn */
    if (now->next < now->count) CHECK(!may_skip(now, now->next));
    CHECK_EQ(self->destroyed, 0);
    now->next++;
    now->fired++;
    if (self->once) CHECK(model_drop(self));
    side *home = self->home;
    switch (self->action) {
    case FAIL:
        self->failures++;
        now->failed++;
        expected_reports += home->panic;
        if (self->max_failures != 0 && self->failures >= self->max_failures) (void)model_drop(self);
        return tally_handler_fail(-9, "as told", 7, NULL);
    case STOP: now->stopped = true; return TALLY_HANDLER_STOP;
    case GONE:
        now->fired--;
        (void)model_drop(self);
        return TALLY_HANDLER_GONE;
    case DROP: drop_some(&sides[below(2)]); break;
    case ADD: add_some(&sides[below(2)]); break;
    case NOTIFY:
        if (tally_registry_depth() < NESTING_MAX) notify_side(&sides[below(2)], below(KINDS + 1));
        break;
    case DROP_SELF: drop_one(self); break;
    case MUTE: mute_some(home); break;
    case EDIT: edit_some(home); break;
    case NOTHING:
    case ACTIONS: break;
    }
    return TALLY_HANDLER_DONE;
}

/* -------------------------------------------------------------------------------------- comparisons */

static void compare(side *home)
{
    if (home->registry == NULL) return;
    tally_handler_info rows[LIVE_MAX];
    size_t count = 0;
    int32_t empty = -1;
    CHECK_EQ(count_of(home->registry), home->count);
    CHECK_STATUS(tally_registry_is_empty(home->registry, &empty, NULL), TALLY_OK);
    CHECK_EQ(empty, home->count == 0);
    CHECK_STATUS(tally_registry_handlers(home->registry, rows, LIVE_MAX, &count, NULL), TALLY_OK);
    CHECK_EQ(count, home->count);
    for (size_t i = 0; i < count && i < home->count; i++) {
        CHECK(rows[i].user_data == home->list[i]);
        CHECK_EQ(rows[i].failed, home->list[i]->failures);
        CHECK_EQ(rows[i].priority, home->list[i]->priority);
    }
    for (int i = 0; i < 10 && ever != 0; i++) {
        const member *any = &members[below(ever)];
        if (any->id.registry == tally_registry_number(home->registry)) {
            CHECK_EQ(has(home->registry, any->id), any->registered);
        }
    }
    CHECK_EQ(look_at(home->registry).mutes, home->mutes);
    CHECK_EQ(reports, expected_reports);
}

static void reclaim_all(void)
{
    uint64_t pending = 9;
    CHECK_STATUS(tally_reclaim(&pending, NULL), TALLY_OK);
    CHECK_EQ(pending, 0);
    uint64_t alive = 0;
    for (int s = 0; s < 2; s++) {
        for (uint32_t i = 0; i < sides[s].count; i++) alive += sides[s].list[i]->owned;
    }
    CHECK_EQ(destroyed, owned - alive); /* every one that is gone, exactly once */
}

static void open_or_close_child(void)
{
    side *child = &sides[1];
    if (child->registry == NULL) {
        CHECK_STATUS(tally_registry_child(sides[0].registry,
                                          &(tally_registry_options){.size = sizeof(tally_registry_options),
                                                                    .flags = TALLY_REGISTRY_ALLOW_STOP},
                                          &child->registry, NULL),
                     TALLY_OK);
        return;
    }
    while (child->count > 0) (void)model_drop(child->list[0]);
    shut(&child->registry);
    child->mutes = 0;
    child->panic = false;
}

static void step(void)
{
    side *home = &sides[below(2)];
    switch (below(16)) {
    case 0:
    case 1:
    case 2: add_some(home); break;
    case 3:
    case 4: drop_some(home); break;
    case 5:
    case 6:
    case 7:
    case 8: notify_side(home, below(KINDS + 1)); break;
    case 9: edit_some(home); break;
    case 10:
        if (below(3) == 0) mute_some(home);
        break;
    case 11: change_panic(home); break;
    case 12: compare(home); break;
    case 13:
        if (below(20) == 0) clear_all(home);
        break;
    case 14:
        if (below(10) == 0) open_or_close_child();
        break;
    default: reclaim_all(); break;
    }
}

static uint64_t seed_of_environment(void)
{
    const char *text = getenv("TALLYSTICK_SEED");
    return text == NULL ? 1 : strtoull(text, NULL, 10);
}

TEST(a_hundred_thousand_random_steps_agree_with_the_model)
{
    tally_platform *platform = scribble_open();
    uint64_t seed = seed_of_environment();
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    printf("# seed %" PRIu64 " (TALLYSTICK_SEED)\n", seed);
    members = calloc(STEPS * 4, sizeof *members);
    REQUIRE(members != NULL);
    static const char *const names[KINDS] = {"model.a", "model.b", "model.c", "model.d"};
    for (int k = 0; k < KINDS; k++) kind_numbers[k] = kind_of(names[k]);
    sides[0].registry = open_with(&(tally_registry_options){
        .size = sizeof(tally_registry_options), .flags = TALLY_REGISTRY_ALLOW_STOP, .platform = platform});
    sides[1].parent = &sides[0];
    uint32_t done = 0;
    for (; done < STEPS && !test_has_failed() && ever + 100 < STEPS * 4; done++) step();
    if (test_has_failed()) printf("# the first difference is at step %" PRIu32 "\n", done);
    CHECK_EQ(done, STEPS);
    while (sides[0].count > 0) (void)model_drop(sides[0].list[0]);
    while (sides[1].count > 0) (void)model_drop(sides[1].list[0]);
    shut(&sides[0].registry);
    shut(&sides[1].registry);
    CHECK_EQ(destroyed, owned);
    CHECK_EQ(scribble_of(platform)->bytes, 0);
    CHECK(scribble_close(&platform));
    free(members);
}
