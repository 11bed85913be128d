/* Gates: they see a batch before it is committed, and may refuse it. */
#include "test.h"

#include <pthread.h>

#include "stores.h"

typedef struct gate_state {
    int calls;
    int ends;
    size_t count;
    int32_t answer;
    const char *says;
    char order[8];
    char letter;
    struct gate_state *log;
    void (*inside)(void);
} gate_state;

static int32_t look(void *user_data, const tally_draft *drafts, size_t count, tally_refusal *refusal)
{
    gate_state *state = user_data;
    state->calls++;
    state->count = count;
    CHECK_EQ(refusal->code, 0);
    CHECK(drafts[0].size == sizeof(tally_draft));
    if (state->log != NULL) state->log->order[strlen(state->log->order)] = state->letter;
    if (state->inside != NULL) state->inside();
    if (state->answer != 0) {
        refusal->code = state->answer;
        if (state->says != NULL) (void)snprintf(refusal->message, sizeof refusal->message, "%s", state->says);
    }
    return state->answer;
}

static void end_of_gate(void *user_data) { ((gate_state *)user_data)->ends++; }

static uint64_t add(gate_state *state, const char *name, bool record)
{
    tally_gate_options options = {
        .size = sizeof options, .name = text(name), .record = record, .destructor = end_of_gate};
    uint64_t number = 0;
    CHECK_STATUS(tally_store_gate_add(store, look, state, &options, &number, NULL), TALLY_OK);
    return number;
}

static tally_status append(tally_error *error)
{
    tally_draft one = draft("order/\"1\"", "secret");
    return tally_store_append(store, &one, NULL, NULL, error);
}

TEST(gates_run_in_the_order_in_which_they_were_added)
{
    begin();
    gate_state log = {.letter = 'x'};
    gate_state first = {.letter = 'a', .log = &log};
    gate_state second = {.letter = 'b', .log = &log};
    uint64_t one = add(&first, "one", false);
    uint64_t two = add(&second, "two", false);
    CHECK(one != 0 && two != 0 && one != two);
    tally_draft batch[3] = {draft("a", "1"), draft("a", "2"), draft("a", "3")};
    CHECK_STATUS(tally_store_append_many(store, batch, 3, NULL, NULL, NULL), TALLY_OK);
    CHECK_TEXT(log.order, "ab");
    CHECK_EQ(second.count, 3);
    CHECK_STATUS(tally_store_gate_remove(store, one, NULL), TALLY_OK);
    CHECK_EQ(first.ends, 1);
    CHECK_STATUS(append(NULL), TALLY_OK);
    CHECK_TEXT(log.order, "abb");
    CHECK_STATUS(tally_store_gate_remove(store, one, NULL), TALLY_E_NOT_FOUND);
    end();
    CHECK_EQ(first.ends, 1);
    CHECK_EQ(second.ends, 1);
}

TEST(the_first_refusal_ends_it_with_its_code_and_message)
{
    begin();
    gate_state refuser = {.answer = -7, .says = "not on Sundays"};
    gate_state later = {.letter = 'b'};
    tally_error error;
    add(&refuser, "sunday", false);
    add(&later, "later", false);
    CHECK_STATUS(append(&error), TALLY_E_REFUSED);
    CHECK_EQ(error.os_error, -7);
    CHECK_TEXT(error.message, "not on Sundays");
    CHECK_EQ(later.calls, 0);
    refuser.says = NULL;
    CHECK_STATUS(append(&error), TALLY_E_REFUSED);
    CHECK_SAYS(error, "sunday");
    refuser.says = "broken \xff text";
    CHECK_STATUS(append(&error), TALLY_E_REFUSED);
    CHECK_TEXT(error.message, "broken ? text");
    CHECK_EQ(marks_now().buffered, 0);
    end();
}

TEST(a_refusal_can_be_recorded_without_the_data)
{
    begin();
    gate_state refuser = {.answer = 42, .says = "no"};
    add(&refuser, "the \"gate\"", true);
    CHECK_STATUS(append(NULL), TALLY_E_REFUSED);
    tally_event read;
    CHECK_EQ(marks_now().durable, 1);
    REQUIRE_STATUS(get_event(0, &read), TALLY_OK);
    CHECK_EQ(read.flags, TALLY_EVENT_SYSTEM);
    CHECK(read.stream.length == 6 && memcmp(read.stream.bytes, "$gates", 6) == 0);
    CHECK(has_data(&read, "{\"code\":42,\"gate\":\"the \\\"gate\\\"\",\"stream\":\"order/\\\"1\\\"\",\"type\":\"thing."
                          "happened\"}"));
    end();
}

TEST(gates_do_not_see_what_is_no_draft)
{
    begin();
    gate_state state = {.letter = 'a'};
    add(&state, "", false);
    tally_draft bad = draft("", "x");
    CHECK_STATUS(tally_store_append(store, &bad, NULL, NULL, NULL), TALLY_E_LENGTH);
    CHECK_EQ(state.calls, 0);
    end();
}

static uint64_t own_number;

static void misbehave(void)
{
    tally_event read;
    tally_store *same = store;
    CHECK_STATUS(append(NULL), TALLY_E_WOULD_BLOCK);
    CHECK_STATUS(tally_store_gate_remove(store, own_number, NULL), TALLY_E_WOULD_BLOCK);
    CHECK_STATUS(tally_store_close(&same), TALLY_E_WOULD_BLOCK);
    CHECK(same == store);
    CHECK_STATUS(get_event(0, &read), TALLY_OK);
}

TEST(a_gate_may_read_but_not_append_close_or_remove)
{
    begin();
    append_one("a", "x", TALLY_BUFFERED);
    gate_state state = {.inside = misbehave};
    own_number = add(&state, "curious", false);
    CHECK_STATUS(append(NULL), TALLY_OK);
    CHECK_EQ(state.calls, 1);
    CHECK_EQ(marks_now().buffered, 2);
    end();
}

TEST(bad_gates_are_refused)
{
    begin();
    uint64_t number = 7;
    tally_gate_options options = {.size = sizeof options, .name = {"a\n", 2}};
    CHECK_STATUS(tally_store_gate_add(store, NULL, NULL, NULL, &number, NULL), TALLY_E_NULL);
    CHECK_EQ(number, 0);
    CHECK_STATUS(tally_store_gate_add(store, look, NULL, NULL, NULL, NULL), TALLY_E_NULL);
    CHECK_STATUS(tally_store_gate_add(store, look, NULL, &options, &number, NULL), TALLY_E_NAME);
    options.name = text("");
    options.record = 2;
    CHECK_STATUS(tally_store_gate_add(store, look, NULL, &options, &number, NULL), TALLY_E_OPTION);
    for (uint32_t i = 0; i < TALLY_GATES_MAX; i++) {
        CHECK_STATUS(tally_store_gate_add(store, look, NULL, NULL, &number, NULL), TALLY_OK);
    }
    CHECK_STATUS(tally_store_gate_add(store, look, NULL, NULL, &number, NULL), TALLY_E_LIMIT);
    CHECK_EQ(number, 0);
    end();
}

/* ----------------------------------------------------------------------------------------- threads */

static _Atomic(int) inside;
static _Atomic(bool) hold;

static int32_t stay(void *user_data, const tally_draft *drafts, size_t count, tally_refusal *refusal)
{
    (void)user_data;
    (void)drafts;
    (void)count;
    (void)refusal;
    atomic_fetch_add(&inside, 1);
    while (atomic_load(&hold)) tally_platform_default()->sleep_ns(NULL, 100000);
    atomic_fetch_sub(&inside, 1);
    return 0;
}

static void *append_on_thread(void *argument)
{
    (void)argument;
    CHECK_STATUS(append(NULL), TALLY_OK);
    return NULL;
}

static void *release_soon(void *argument)
{
    (void)argument;
    tally_platform_default()->sleep_ns(NULL, 20000000);
    atomic_store(&hold, false);
    return NULL;
}

TEST(removing_a_gate_waits_until_nobody_is_inside)
{
    begin();
    uint64_t number;
    pthread_t threads[2];
    atomic_store(&hold, true);
    CHECK_STATUS(tally_store_gate_add(store, stay, NULL, NULL, &number, NULL), TALLY_OK);
    (void)pthread_create(&threads[0], NULL, append_on_thread, NULL);
    while (atomic_load(&inside) == 0) tally_platform_default()->sleep_ns(NULL, 100000);
    (void)pthread_create(&threads[1], NULL, release_soon, NULL);
    CHECK_STATUS(tally_store_gate_remove(store, number, NULL), TALLY_OK);
    CHECK_EQ(atomic_load(&inside), 0);
    for (int i = 0; i < 2; i++) (void)pthread_join(threads[i], NULL);
    end();
}
