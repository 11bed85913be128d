/* registry.md 15: what a host lends. Its interpreter lock is given up once around each run of handlers that
 * may block, and never while anything of the host's own runs. */
#include "handlers.h"

static tally_registry *registry;
static int32_t away; /* how often the lock is given up now: 0 or 1 */
static int token;

static void *leave(void *user_data)
{
    tell(user_data);
    CHECK_EQ(away, 0);
    away = 1;
    return &token;
}

static void enter(void *user_data, void *given)
{
    (void)user_data;
    CHECK(given == &token);
    CHECK_EQ(away, 1);
    away = 0;
    tell(")");
}

static void take_log(void *user_data, const tally_log_record *record)
{
    (void)user_data;
    (void)record;
    CHECK_EQ(away, 0);
    tell("log");
}

static const tally_registry_host host = {
    .size = sizeof host, .user_data = "(", .leave = leave, .enter = enter, .log = take_log};

static const tally_handler_options may_block = {.flags = TALLY_HANDLER_MAY_BLOCK};

static tally_registry *open_hosted(uint32_t policy, uint32_t flags)
{
    return open_with(&(tally_registry_options){
        .size = sizeof(tally_registry_options), .policy = policy, .flags = flags, .host = &host});
}

static tally_notified notify_from_host(tally_status wanted)
{
    tally_notice notice = {.context = &token};
    tally_notified result;
    CHECK_STATUS(tally_registry_notify(registry, &notice, &result, NULL), wanted);
    CHECK_EQ(away, 0);
    return result;
}

TEST(the_lock_is_given_up_once_around_each_run)
{
    registry = open_hosted(0, 0);
    (void)add_with(registry, note, "a", may_block);
    (void)add_with(registry, note, "b", may_block);
    (void)add(registry, note, "c");
    (void)add_with(registry, note, "d", may_block);
    (void)notify_from_host(TALLY_OK);
    CHECK_TEXT(told(), "(ab)c(d)");
    shut(&registry);
}

TEST(without_blocking_handlers_it_is_kept)
{
    registry = open_hosted(0, 0);
    (void)add(registry, note, "a");
    tally_handler_id id = add_with(registry, note, "b", may_block);
    (void)notify_from_host(TALLY_OK);
    CHECK_TEXT(told(), "a(b)");
    CHECK(drop(registry, id));
    (void)notify_from_host(TALLY_OK);
    CHECK_TEXT(told(), "a");
    shut(&registry);
}

TEST(a_notice_that_does_not_come_from_the_host_gives_nothing_up)
{
    registry = open_hosted(0, 0);
    (void)add_with(registry, note, "a", may_block);
    (void)notify(registry);
    CHECK_TEXT(told(), "a");
    shut(&registry);
}

TEST(it_is_taken_again_before_a_report)
{
    registry = open_hosted(0, 0);
    (void)add_with(registry, fail_saying, "a", may_block);
    (void)add_with(registry, note, "b", may_block);
    (void)notify_from_host(TALLY_OK);
    CHECK_TEXT(told(), "(a)log(b)");
    shut(&registry);
}

TEST(it_is_taken_again_whatever_ends_the_notify)
{
    registry = open_hosted(TALLY_POLICY_FAIL_FAST, TALLY_REGISTRY_ALLOW_STOP);
    tally_handler_id id = add_with(registry, fail_saying, "a", may_block);
    (void)add_with(registry, stop_saying, "b", may_block);
    (void)add_with(registry, note, "c", may_block);
    (void)notify_from_host(TALLY_E_HANDLER);
    CHECK_TEXT(told(), "(a)");
    CHECK(drop(registry, id));
    (void)notify_from_host(TALLY_OK);
    CHECK_TEXT(told(), "(b)");
    shut(&registry);
}

TEST(a_skipped_handler_gives_nothing_up)
{
    registry = open_hosted(0, 0);
    uint32_t kind = kind_of("host.never");
    tally_handler_options filtered = may_block;
    filtered.kinds = &kind;
    filtered.kind_count = 1;
    (void)add_with(registry, note, "a", filtered);
    (void)add(registry, note, "b");
    (void)notify_from_host(TALLY_OK);
    CHECK_TEXT(told(), "b");
    shut(&registry);
}

static void observe(void *user_data, tally_handler_id id, int32_t code, const tally_failure *failure)
{
    (void)id;
    (void)code;
    (void)failure;
    CHECK_EQ(away, 0);
    tell(user_data);
}

TEST(observers_belong_to_the_host)
{
    registry = open_hosted(0, 0);
    (void)add_with(registry, note, "a", may_block);
    (void)add_with(registry, note, "b", may_block);
    tally_observer observer = {sizeof observer, "=", observe};
    tally_notice notice = {.context = &token};
    CHECK_STATUS(tally_registry_notify_observed(registry, &notice, &observer, NULL, NULL), TALLY_OK);
    CHECK_TEXT(told(), "(a)=(b)=");
    CHECK_EQ(away, 0);
    shut(&registry);
}

static int32_t notify_child_again(void *user_data, const tally_notice *notice)
{
    tell(user_data);
    CHECK_EQ(away, 1);
    (void)notice;
    (void)notify(registry); /* native code inside: no context */
    return TALLY_HANDLER_DONE;
}

TEST(a_nested_notify_of_native_code_leaves_the_lock_as_it_is)
{
    registry = open_hosted(0, 0);
    (void)add_with(registry, notify_child_again, "n",
                   (tally_handler_options){.flags = TALLY_HANDLER_MAY_BLOCK | TALLY_HANDLER_ONCE});
    (void)add_with(registry, note, "a", may_block);
    (void)notify_from_host(TALLY_OK);
    CHECK_TEXT(told(), "(naa)");
    shut(&registry);
}

TEST(a_child_and_its_parent_give_it_up_each_for_its_own_run)
{
    tally_registry *parent = open_hosted(0, 0);
    CHECK_STATUS(tally_registry_child(parent, NULL, &registry, NULL), TALLY_OK); /* the parent's host */
    (void)add_with(registry, note, "c", may_block);
    (void)add(parent, note, "p");
    (void)add_with(parent, note, "q", may_block);
    (void)notify_from_host(TALLY_OK);
    CHECK_TEXT(told(), "(c)p(q)");
    shut(&registry);
    shut(&parent);
}

TEST(the_host_is_copied_at_open)
{
    tally_registry_host mine = host;
    tally_registry_options options = {.size = sizeof options, .host = &mine};
    registry = open_with(&options);
    memset(&mine, 0xff, sizeof mine);
    (void)add_with(registry, note, "a", may_block);
    (void)notify_from_host(TALLY_OK);
    CHECK_TEXT(told(), "(a)");
    shut(&registry);
}

TEST(a_host_without_hooks_is_no_host)
{
    tally_registry_host none = {.size = sizeof none};
    registry = open_with(&(tally_registry_options){.size = sizeof(tally_registry_options), .host = &none});
    (void)add_with(registry, fail_saying, "a", may_block);
    CHECK_EQ(notify_from_host(TALLY_OK).failed, 1);
    CHECK_TEXT(told(), "a");
    CHECK_EQ(look_at(registry).unreported, 1);
    shut(&registry);
}
