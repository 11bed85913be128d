/* registry.md 8: a handler that fails hurts nobody else and is reported exactly once, at once. */
#include "reports.h"

TEST(a_failure_reaches_neither_caller_nor_siblings)
{
    registry = open_plain();
    (void)add(registry, note, "a");
    (void)add(registry, fail_saying, "b");
    (void)add(registry, note, "c");
    CHECK_NOTIFIED(notify(registry), 3, 1, 0, 0);
    CHECK_TEXT(told(), "abc");
    CHECK_EQ(count_of(registry), 3);
    CHECK_NOTIFIED(notify(registry), 3, 1, 0, 0);
    CHECK_TEXT(told(), "abc");
    shut(&registry);
}

TEST(it_is_reported_at_once_with_id_name_and_message)
{
    registry = open_plain();
    set_panic(on_panic, "! ");
    tally_handler_id id =
        add_with(registry, fail_saying, "b ", (tally_handler_options){.name = "auditor", .name_length = 7});
    (void)add(registry, note, "c ");
    (void)notify(registry);
    CHECK_TEXT(told(), "b ! c ");
    CHECK_TEXT(reported(), "-7 auditor: b ;");
    CHECK_EQ(last_handler, id.handler);
    shut(&registry);
}

TEST(each_failing_handler_is_reported_once)
{
    registry = open_plain();
    set_panic(on_panic, "!");
    for (const char *name = "a\0b\0c\0"; *name != 0; name += 2) (void)add(registry, fail_saying, (void *)name);
    (void)add(registry, note, "d");
    CHECK_NOTIFIED(notify(registry), 4, 3, 0, 0);
    CHECK_TEXT(told(), "a!b!c!d");
    CHECK_TEXT(reported(), "-7 : a;-7 : b;-7 : c;");
    shut(&registry);
}

static int32_t failing_payload;

static int32_t fail_with_payload(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    return tally_handler_fail(99, NULL, 0, &failing_payload);
}

static int32_t check_payload(void *user_data, const tally_failure *failure)
{
    CHECK(failure->payload == &failing_payload);
    CHECK(failure->user_data == user_data);
    CHECK_EQ(failure->code, 99);
    CHECK_EQ(failure->kind, failure->notice->kind);
    CHECK_BYTES(failure->notice->data, "event", 5);
    CHECK_TEXT(failure->message, "");
    tell("seen");
    return 0;
}

TEST(payload_user_data_and_event_go_to_on_panic_untouched)
{
    registry = open_plain();
    int mine = 0;
    set_panic(check_payload, &mine);
    (void)add(registry, fail_with_payload, &mine);
    tally_notice notice = {.kind = kind_of("failure.test"), .data = "event", .length = 5};
    CHECK_STATUS(tally_registry_notify(registry, &notice, NULL, NULL), TALLY_OK);
    CHECK_TEXT(told(), "seen");
    shut(&registry);
}

static int32_t answer(void *user_data, const tally_notice *notice)
{
    (void)notice;
    return *(int32_t *)user_data;
}

TEST(any_other_number_is_a_failure_with_that_code)
{
    registry = open_plain();
    set_panic(on_panic, "");
    int32_t codes[] = {2, -1, INT32_MAX, INT32_MIN + 2, TALLY_HANDLER_STOP};
    for (size_t i = 0; i < 5; i++) (void)add(registry, answer, &codes[i]);
    CHECK_NOTIFIED(notify(registry), 5, 5, 0, 0); /* a stop too, where it is not allowed */
    CHECK_TEXT(reported(), "2 : ;-1 : ;2147483647 : ;-2147483646 : ;1 : ;");
    shut(&registry);
}

static int32_t say_and_return_other(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    (void)tally_handler_fail(-5, "forgotten", 9, NULL);
    return -6;
}

static int32_t say_and_succeed(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    (void)tally_handler_fail(-6, "forgotten", 9, NULL);
    return TALLY_HANDLER_DONE;
}

TEST(a_message_belongs_to_its_handler_and_its_code)
{
    registry = open_plain();
    set_panic(on_panic, "");
    int32_t plain = -6;
    (void)add(registry, say_and_succeed, NULL);
    (void)add(registry, answer, &plain); /* the same code, but it said nothing */
    (void)add(registry, say_and_return_other, NULL);
    (void)notify(registry);
    CHECK_TEXT(reported(), "-6 : ;-6 : ;");
    shut(&registry);
}

static bool says_so;

static int32_t say_it_now_or_fail(void *user_data, const tally_notice *notice)
{
    (void)notice;
    if (says_so) (void)tally_handler_fail(-6, "of the run before", 17, user_data);
    return says_so ? TALLY_HANDLER_DONE : -6;
}

static void *last_payload;

static int32_t take_payload(void *user_data, const tally_failure *failure)
{
    last_payload = failure->payload;
    return on_panic(user_data, failure);
}

TEST(a_message_is_forgotten_when_its_handler_has_returned)
{
    tally_registry_options options = {.size = sizeof options, .flags = TALLY_REGISTRY_COUNT};
    for (int general = 0; general < 2; general++) {
        int payload = 0;
        registry = general ? open_with(&options) : open_plain();
        set_panic(take_payload, "");
        (void)add(registry, say_it_now_or_fail, &payload);
        for (int i = 0; i < 3; i++) {
            says_so = true;
            CHECK_NOTIFIED(notify(registry), 1, 0, 0, 0);
            says_so = false;
            last_payload = &last_payload;
            CHECK_NOTIFIED(notify(registry), 1, 1, 0, 0);
            CHECK_TEXT(reported(), "-6 : ;");
            CHECK(last_payload == NULL); /* it was borrowed for the first run only */
        }
        shut(&registry);
    }
}

static int32_t fail_with_bad_text(void *length, const tally_notice *notice)
{
    (void)notice;
    size_t wanted = *(size_t *)length;
    return tally_handler_fail(-8, wanted == 5 ? NULL : "text", wanted, NULL);
}

TEST(a_message_without_text_or_of_an_absurd_length_is_none)
{
    registry = open_plain();
    set_panic(on_panic, "");
    size_t lengths[] = {5, SIZE_MAX, (size_t)PTRDIFF_MAX + 1, 0, 4};
    for (size_t i = 0; i < 5; i++) (void)add(registry, fail_with_bad_text, &lengths[i]);
    CHECK_NOTIFIED(notify(registry), 5, 5, 0, 0);
    CHECK_TEXT(reported(), "-8 : ;-8 : ;-8 : ;-8 : ;-8 : text;");
    shut(&registry);
}

static int32_t fail_reserved(void *code, const tally_notice *notice)
{
    (void)notice;
    int32_t returned = tally_handler_fail(*(int32_t *)code, "m", 1, NULL);
    CHECK_EQ(returned, -1);
    return returned;
}

TEST(failing_with_a_code_that_means_something_else_becomes_minus_one)
{
    registry = open_plain();
    set_panic(on_panic, "");
    int32_t codes[] = {TALLY_HANDLER_DONE, TALLY_HANDLER_STOP, TALLY_HANDLER_GONE, TALLY_HANDLER_ABORT};
    for (size_t i = 0; i < 4; i++) (void)add(registry, fail_reserved, &codes[i]);
    CHECK_NOTIFIED(notify(registry), 4, 4, 0, 0);
    CHECK_TEXT(reported(), "-1 : m;-1 : m;-1 : m;-1 : m;");
    CHECK_EQ(tally_handler_fail(-3, "outside of a handler", 20, NULL), -3);
    shut(&registry);
}

static int32_t fail_long(void *length, const tally_notice *notice)
{
    (void)notice;
    static char text[400];
    memset(text, 'x', sizeof text);
    text[254] = '\xc3'; /* a character across the limit */
    text[255] = '\xa9';
    return tally_handler_fail(-1, text, *(size_t *)length, NULL);
}

static size_t seen_length;

static int32_t take_length(void *unused, const tally_failure *failure)
{
    (void)unused;
    seen_length = failure->message_length;
    CHECK_EQ(strlen(failure->message), failure->message_length);
    return 0;
}

TEST(long_messages_are_cut_at_a_character)
{
    registry = open_plain();
    set_panic(take_length, NULL);
    size_t length = 400;
    (void)add(registry, fail_long, &length);
    (void)notify(registry);
    CHECK_EQ(seen_length, TALLY_HANDLER_MESSAGE_MAX - 1);
    length = 254;
    (void)notify(registry);
    CHECK_EQ(seen_length, 254);
    shut(&registry);
}

TEST(the_last_failure_of_a_handler_is_kept)
{
    registry = open_plain();
    (void)add(registry, fail_saying, "sorry");
    for (int i = 0; i < 5; i++) (void)notify(registry);
    (void)told();
    tally_handler_info row;
    size_t count;
    CHECK_STATUS(tally_registry_handlers(registry, &row, 1, &count, NULL), TALLY_OK);
    CHECK_EQ(row.failed, 5);
    CHECK_EQ(row.last_code, -7);
    CHECK_TEXT(row.last_message, "sorry");
    CHECK_EQ(row.last_message_length, 5);
    shut(&registry);
}
