/* A registry against a model: the input is a list of operations, each done to both. The model is an
 * array that is sorted by insertion; after every notify the handlers that ran, their order and the
 * counts must be those of the model. Handlers act too: they fail, unregister, register and notify. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tallystick/tallystick.h>

#define HANDLERS_MAX 64
#define EVER_MAX 256
#define NESTING_MAX 3
/* No notify begins beyond the limit; those under way add at most a snapshot each, and two marks. */
#define RAN_LIMIT 1024
#define RAN_MAX (RAN_LIMIT + (NESTING_MAX + 1) * (HANDLERS_MAX + 2))

typedef enum action_kind { ACT_NOTHING, ACT_FAIL, ACT_UNREGISTER, ACT_REGISTER, ACT_NOTIFY, ACTIONS } action_kind;

/* One registration; lives in `handlers` for the whole run, so that destructors can be counted. */
typedef struct handler {
    tally_handler_id id;
    int32_t priority;
    action_kind action;
    uint8_t operand;
    int once;
    uint32_t max_failures;
    uint32_t failures;
    int registered; /* in the model */
    int destroyed;
} handler;

static struct {
    const uint8_t *data;
    size_t left;
    tally_registry *registry;
    handler handlers[EVER_MAX];
    size_t ever;
    handler *order[HANDLERS_MAX]; /* the model: as notify must call them */
    size_t count;
    size_t ran[RAN_MAX]; /* what ran, by index in `handlers` */
    size_t ran_count;
    uint32_t nesting;
    uint32_t reported;
    uint32_t expected_reports;
    int mutes;
} run;

static void must(int condition, const char *what)
{
    if (condition) return;
    (void)fprintf(stderr, "the registry and its model differ: %s\n", what);
    abort();
}

static uint8_t next_byte(void)
{
    if (run.left == 0) return 0;
    run.left--;
    return *run.data++;
}

/* -128 … 127, so that equal priorities are common. */
static int32_t priority_of(uint8_t byte) { return (int32_t)byte - 128; }

static void destroy(void *user_data)
{
    handler *self = user_data;
    must(!self->destroyed, "a destructor ran twice");
    self->destroyed = 1;
}

static int32_t on_event(void *user_data, const tally_notice *notice);

/* ------------------------------------------------------------------------------------------ the model */

static void model_add(handler *added)
{
    size_t at = run.count;
    while (at > 0 && run.order[at - 1]->priority < added->priority) at--;
    memmove(&run.order[at + 1], &run.order[at], (run.count - at) * sizeof run.order[0]);
    run.order[at] = added;
    run.count++;
    added->registered = 1;
}

static int model_remove(handler *gone)
{
    if (!gone->registered) return 0;
    size_t at = 0;
    while (run.order[at] != gone) at++;
    run.count--;
    memmove(&run.order[at], &run.order[at + 1], (run.count - at) * sizeof run.order[0]);
    gone->registered = 0;
    return 1;
}

/* ------------------------------------------------------------------------------------------ operations */

static handler *add(uint8_t shape, int32_t priority, action_kind action, uint8_t operand)
{
    if (run.ever == EVER_MAX || run.count == HANDLERS_MAX) return NULL;
    handler *added = &run.handlers[run.ever];
    *added = (handler){.priority = priority, .action = action, .operand = operand};
    added->once = (shape & 1) != 0;
    added->max_failures = (shape & 2) != 0 ? 1u + (shape >> 6) : 0;
    tally_handler_options options = {.size = sizeof options,
                                     .priority = priority,
                                     .flags = added->once ? TALLY_HANDLER_ONCE : 0,
                                     .max_failures = added->max_failures,
                                     .destructor = destroy};
    must(tally_registry_register(run.registry, on_event, added, &options, &added->id, NULL) == TALLY_OK, "register");
    run.ever++;
    model_add(added);
    return added;
}

static void remove_any(uint8_t operand)
{
    if (run.ever == 0) return;
    handler *gone = &run.handlers[operand % run.ever];
    int32_t removed = 0;
    must(tally_registry_unregister(run.registry, gone->id, &removed, NULL) == TALLY_OK, "unregister");
    must((removed != 0) == model_remove(gone), "what unregister says");
}

static void look(void)
{
    uint64_t count = 0;
    must(tally_registry_count(run.registry, &count, NULL) == TALLY_OK && count == run.count, "count");
    for (size_t i = 0; i < run.ever; i++) {
        int32_t contains = -1;
        must(tally_registry_contains(run.registry, run.handlers[i].id, &contains, NULL) == TALLY_OK, "contains");
        must((contains != 0) == (run.handlers[i].registered != 0), "what contains says");
    }
    static tally_handler_info rows[HANDLERS_MAX];
    size_t listed = 0;
    must(tally_registry_handlers(run.registry, rows, HANDLERS_MAX, &listed, NULL) == TALLY_OK, "listing");
    must(listed == run.count, "how many are listed");
    for (size_t i = 0; i < listed; i++) {
        must(rows[i].user_data == run.order[i], "the order of the list");
        must(rows[i].failed == run.order[i]->failures, "the failures in the list");
    }
}

static int was_called(const handler *one, size_t first)
{
    for (size_t i = first; i < run.ran_count; i++)
        if (run.ran[i] == (size_t)(one - run.handlers)) return 1;
    return 0;
}

/* Handlers act on the registry and on the model alike, and each asks the model whether it may run at all;
 * so what is left to compare is the order, the counts, and that none of the snapshot was forgotten. */
static void notify(void)
{
    handler *snapshot[HANDLERS_MAX];
    size_t size = run.count;
    memcpy(snapshot, run.order, size * sizeof snapshot[0]);
    size_t first = run.ran_count;
    tally_notice notice = {.context = NULL};
    tally_notified result;
    run.nesting++;
    must(tally_registry_notify(run.registry, &notice, &result, NULL) == TALLY_OK, "notify");
    run.nesting--;
    must(result.fired + result.skipped == size, "fired and skipped are the snapshot");
    if (run.mutes > 0) must(result.fired == 0 && run.ran_count == first, "a muted registry runs nothing");
    /* What ran on this level, in the order of the snapshot, each at most once. */
    size_t at = 0;
    uint32_t fired = 0;
    uint32_t level = 0;
    for (size_t i = first; i < run.ran_count; i++) {
        if (run.ran[i] == SIZE_MAX) level++;          /* a nested notify begins, */
        else if (run.ran[i] == SIZE_MAX - 1) level--; /* and ends */
        else if (level == 0) {
            while (at < size && (size_t)(snapshot[at] - run.handlers) != run.ran[i]) at++;
            must(at < size, "the order of the handlers that ran");
            at++;
            fired++;
        }
    }
    must(fired == result.fired, "how many fired");
    /* Who is still registered has been called; whoever was not, has been removed on the way. */
    for (size_t i = 0; i < size && run.mutes == 0; i++)
        if (snapshot[i]->registered) must(was_called(snapshot[i], first), "a handler was forgotten");
}

static int32_t on_event(void *user_data, const tally_notice *notice)
{
    (void)notice;
    handler *self = user_data;
    must(!self->destroyed, "a handler runs after its destructor");
    must(self->registered, "a removed handler runs");
    run.ran[run.ran_count++] = (size_t)(self - run.handlers);
    if (self->once) must(model_remove(self), "a once handler runs twice");
    switch (self->action) {
    case ACT_FAIL:
        self->failures++;
        run.expected_reports++;
        if (self->max_failures != 0 && self->failures >= self->max_failures && self->registered)
            (void)model_remove(self);
        return tally_handler_fail(-9, "as told", 7, self);
    case ACT_UNREGISTER: remove_any(self->operand); break;
    case ACT_REGISTER: (void)add(self->operand & 1, priority_of(self->operand), ACT_NOTHING, 0); break;
    case ACT_NOTIFY:
        if (run.nesting >= NESTING_MAX || run.ran_count >= RAN_LIMIT) break;
        run.ran[run.ran_count++] = SIZE_MAX;
        notify();
        run.ran[run.ran_count++] = SIZE_MAX - 1;
        break;
    case ACT_NOTHING:
    case ACTIONS: break;
    }
    return TALLY_HANDLER_DONE;
}

static int32_t on_panic(void *user_data, const tally_failure *failure)
{
    (void)user_data;
    must(failure->payload == failure->user_data && failure->code == -9, "what on_panic is told");
    must(strcmp(failure->message, "as told") == 0, "the message of a failure");
    run.reported++;
    return 0;
}

static void edit(uint8_t operand)
{
    if (run.ever == 0 || run.ever + 2 > EVER_MAX || run.count + 2 > HANDLERS_MAX) return;
    handler *gone = &run.handlers[operand % run.ever];
    handler *added[2] = {&run.handlers[run.ever], &run.handlers[run.ever + 1]};
    tally_handler_options options[2];
    tally_edit edits[3];
    memset(edits, 0, sizeof edits);
    for (size_t i = 0; i < 2; i++) {
        *added[i] = (handler){.priority = priority_of((uint8_t)(operand + i))};
        options[i] =
            (tally_handler_options){.size = sizeof options[i], .priority = added[i]->priority, .destructor = destroy};
        edits[2 * i].operation = TALLY_EDIT_REGISTER;
        edits[2 * i].handler = on_event;
        edits[2 * i].user_data = added[i];
        edits[2 * i].options = &options[i];
    }
    edits[1].operation = TALLY_EDIT_UNREGISTER;
    edits[1].id = gone->id;
    must(tally_registry_edit(run.registry, edits, 3, NULL) == TALLY_OK, "edit");
    run.ever += 2;
    model_add(added[0]);
    must((edits[1].removed != 0) == model_remove(gone), "what edit says");
    model_add(added[1]);
    added[0]->id = edits[0].id;
    added[1]->id = edits[2].id;
}

static void clear(void)
{
    uint64_t removed = 0;
    must(tally_registry_clear(run.registry, &removed, NULL) == TALLY_OK && removed == run.count, "clear");
    while (run.count > 0) (void)model_remove(run.order[0]);
}

static void mute(int on)
{
    if (on && run.mutes < 4) {
        must(tally_registry_mute(run.registry, NULL) == TALLY_OK, "mute");
        run.mutes++;
    } else if (!on) {
        must(tally_registry_unmute(run.registry, NULL) == (run.mutes > 0 ? TALLY_OK : TALLY_E_RANGE), "unmute");
        run.mutes -= run.mutes > 0;
    }
}

static void step(void)
{
    uint8_t operation = next_byte();
    switch (operation % 10) {
    case 0:
    case 1:
    case 2: {
        uint8_t shape = next_byte();
        int32_t priority = priority_of(next_byte());
        action_kind what = (action_kind)(next_byte() % ACTIONS);
        (void)add(shape, priority, what, next_byte());
        break;
    }
    case 3: remove_any(next_byte()); break;
    case 4:
    case 5:
        run.ran_count = 0;
        notify();
        break;
    case 6: edit(next_byte()); break;
    case 7: mute((next_byte() & 1) != 0); break;
    case 8:
        if ((next_byte() & 15) == 0) clear();
        break;
    default: look(); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&run, 0, sizeof run);
    run.data = data;
    run.left = size;
    size_t handles = tally_handle_count();
    must(tally_registry_open(NULL, &run.registry, NULL) == TALLY_OK, "open");
    must(tally_registry_on_panic(run.registry, on_panic, NULL, NULL, NULL) == TALLY_OK, "on_panic");
    while (run.left > 0) step();
    look();
    must(run.reported == run.expected_reports, "each failure is reported exactly once");
    must(tally_registry_close(&run.registry) == TALLY_OK, "close");
    for (size_t i = 0; i < run.ever; i++) must(run.handlers[i].destroyed, "a destructor never ran");
    must(tally_handle_count() == handles, "a handle is left open");
    return 0;
}
