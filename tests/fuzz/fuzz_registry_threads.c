/* A registry under three threads: the input is dealt out to them as lists of operations, which they do at the
 * same time. There is no order to compare with a model, so what is checked holds in every order: each call is
 * counted once, nobody is called after the end of his user_data, each destructor runs once, an id is removed
 * once, a `once` handler is removed or run. */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tallystick/tallystick.h>

#define LANES 3
#define BYTES_MAX 384
#define GUESTS_MAX 512
#define NESTING_MAX 2

typedef enum action_kind { ACT_NOTHING, ACT_FAIL, ACT_GONE, ACT_REMOVE, ACT_NOTIFY, ACT_CLOSE, ACTIONS } action_kind;

/* One registration; lives for the whole run. */
typedef struct guest {
    _Atomic(uint64_t) handler; /* of its id; 0 until it is known */
    action_kind action;
    uint8_t operand;
    int once;
    _Atomic(uint32_t) calls;
    _Atomic(uint32_t) removals; /* that said true */
    _Atomic(uint32_t) destroyed;
} guest;

typedef struct lane {
    uint8_t bytes[BYTES_MAX];
    size_t count;
    size_t at;
    pthread_t thread;
} lane;

static struct {
    tally_registry *registry; /* never written while the lanes run */
    tally_registry *child;
    uint64_t number;
    uint32_t kinds[2];
    guest guests[GUESTS_MAX];
    _Atomic(uint32_t) ever;
    _Atomic(uint64_t) fired; /* what notifies returned */
    _Atomic(uint64_t) called;
    _Atomic(uint32_t) may_close; /* the input wants the registry closed under everybody */
} run;

static lane lanes[LANES];

static void must(int condition, const char *what)
{
    if (condition) return;
    (void)fprintf(stderr, "this cannot be: %s\n", what);
    abort();
}

static int is_fair(tally_status status) { return status == TALLY_OK || status == TALLY_E_CLOSED; }

/* ------------------------------------------------------------------------------------------ operations */

static void destroy(void *user_data)
{
    guest *self = user_data;
    must(atomic_fetch_add(&self->destroyed, 1) == 0, "a destructor ran twice");
    must(tally_registry_depth() == 0, "a destructor runs inside a notify");
}

static void notify(tally_registry *registry, uint8_t operand)
{
    tally_notice notice = {.kind = operand % 3 == 0 ? TALLY_KIND_NONE : run.kinds[operand % 2]};
    tally_notified result;
    tally_status status = tally_registry_notify(registry, &notice, &result, NULL);
    must(is_fair(status), "what notify returns");
    atomic_fetch_add(&run.fired, result.fired);
}

static void remove_one(uint8_t operand, int wait)
{
    uint32_t ever = atomic_load(&run.ever);
    if (ever == 0) return;
    guest *gone = &run.guests[operand % (ever < GUESTS_MAX ? ever : GUESTS_MAX)];
    tally_handler_id id = {run.number, atomic_load(&gone->handler)};
    int32_t removed = 0;
    tally_status status = wait ? tally_registry_unregister_wait(run.registry, id, 1000, &removed, NULL)
                               : tally_registry_unregister(run.registry, id, &removed, NULL);
    must(is_fair(status) || (wait && (status == TALLY_E_WOULD_BLOCK || status == TALLY_E_TIMEOUT)), "unregister");
    if (removed) must(atomic_fetch_add(&gone->removals, 1) == 0, "an id was removed twice");
}

static int32_t on_event(void *user_data, const tally_notice *notice)
{
    (void)notice;
    guest *self = user_data;
    must(atomic_load(&self->destroyed) == 0, "a handler runs after its destructor");
    uint32_t calls = atomic_fetch_add(&self->calls, 1);
    if (self->once) must(calls == 0, "a once handler runs twice");
    if (self->action != ACT_GONE) atomic_fetch_add(&run.called, 1);
    int32_t answer = TALLY_HANDLER_DONE;
    switch (self->action) {
    case ACT_FAIL: answer = tally_handler_fail(-9, "as told", 7, self); break;
    case ACT_GONE: answer = TALLY_HANDLER_GONE; break;
    case ACT_REMOVE: remove_one(self->operand, self->operand % 2); break;
    case ACT_NOTIFY:
        if (tally_registry_depth() <= NESTING_MAX) notify(self->operand % 2 ? run.child : run.registry, self->operand);
        break;
    case ACT_CLOSE:
        if (atomic_load(&run.may_close)) {
            tally_registry *copy = run.registry;
            must(tally_registry_close(&copy) == TALLY_OK, "close inside a handler");
        }
        break;
    case ACT_NOTHING:
    case ACTIONS: break;
    }
    must(atomic_load(&self->destroyed) == 0, "a destructor ran while its handler was running");
    return answer;
}

static int32_t on_panic(void *user_data, const tally_failure *failure)
{
    (void)user_data;
    must(failure->payload == failure->user_data && strcmp(failure->message, "as told") == 0, "what on_panic is told");
    return 0;
}

static guest *invent(uint8_t shape, uint8_t operand, tally_handler_options *options)
{
    uint32_t at = atomic_fetch_add(&run.ever, 1);
    if (at >= GUESTS_MAX) return NULL;
    guest *made = &run.guests[at];
    made->action = (action_kind)(shape % ACTIONS);
    made->operand = operand;
    made->once = (shape & 0x40) != 0;
    *options = (tally_handler_options){.size = sizeof *options,
                                       .priority = (int8_t)operand,
                                       .flags = made->once ? TALLY_HANDLER_ONCE : 0,
                                       .max_failures = (shape & 0x10) != 0 ? 2 : 0,
                                       .destructor = destroy};
    if (shape & 0x20) {
        options->kinds = run.kinds;
        options->kind_count = 1 + (operand & 1u);
    }
    return made;
}

static void add(uint8_t shape, uint8_t operand)
{
    tally_handler_options options;
    tally_handler_id id;
    guest *made = invent(shape, operand, &options);
    if (made == NULL) return;
    tally_status status = tally_registry_register(run.registry, on_event, made, &options, &id, NULL);
    must(is_fair(status), "register");
    if (status != TALLY_OK) destroy(made); /* it stayed ours */
    atomic_store(&made->handler, id.handler);
}

static void edit(uint8_t shape, uint8_t operand)
{
    tally_handler_options options[2];
    tally_edit edits[3];
    guest *made[2] = {invent(shape, operand, &options[0]), NULL};
    if (made[0] == NULL) return;
    made[1] = invent((uint8_t)(shape >> 1), operand, &options[1]);
    memset(edits, 0, sizeof edits);
    for (size_t i = 0; i < 2; i++) {
        edits[i].operation = TALLY_EDIT_REGISTER;
        edits[i].handler = on_event;
        edits[i].user_data = made[i];
        edits[i].options = &options[i];
    }
    guest *gone = &run.guests[operand % GUESTS_MAX];
    edits[2].operation = TALLY_EDIT_UNREGISTER;
    edits[2].id = (tally_handler_id){run.number, atomic_load(&gone->handler)};
    if (made[1] == NULL) edits[1] = edits[2];
    tally_status status = tally_registry_edit(run.registry, edits, made[1] == NULL ? 2 : 3, NULL);
    must(is_fair(status), "edit");
    if (status == TALLY_OK) {
        int32_t removed = made[1] == NULL ? edits[1].removed : edits[2].removed;
        if (removed) must(atomic_fetch_add(&gone->removals, 1) == 0, "an id was removed twice");
    }
    for (size_t i = 0; i < 2 && made[i] != NULL; i++) {
        if (status != TALLY_OK) destroy(made[i]);
        atomic_store(&made[i]->handler, edits[i].id.handler);
    }
}

static void look(uint8_t operand)
{
    tally_handler_info rows[8];
    tally_registry_statistics statistics = {.size = sizeof statistics};
    size_t count;
    int32_t contains;
    tally_handler_id id = {run.number, atomic_load(&run.guests[operand].handler)};
    tally_status status = tally_registry_handlers(run.registry, rows, 8, &count, NULL);
    must(is_fair(status) || status == TALLY_E_SPACE, "listing");
    must(is_fair(tally_registry_statistics_get(run.registry, &statistics, NULL)), "statistics");
    must(is_fair(tally_registry_contains(run.registry, id, &contains, NULL)), "contains");
}

static uint8_t next_byte(lane *mine) { return mine->at < mine->count ? mine->bytes[mine->at++] : 0; }

static void step(lane *mine)
{
    uint8_t operation = next_byte(mine);
    uint8_t shape = next_byte(mine);
    uint8_t operand = next_byte(mine);
    switch (operation % 16) {
    case 0:
    case 1:
    case 2: add(shape, operand); break;
    case 3:
    case 4: remove_one(operand, 0); break;
    case 5: remove_one(operand, 1); break;
    case 6:
    case 7:
    case 8: notify(run.registry, operand); break;
    case 9: notify(run.child, operand); break;
    case 10: edit(shape, operand); break;
    case 11:
        must(is_fair(tally_registry_on_panic(run.registry, shape % 2 ? on_panic : NULL, NULL, NULL, NULL)), "on_panic");
        break;
    case 12:
        if (is_fair(tally_registry_mute(run.registry, NULL))) (void)tally_registry_unmute(run.registry, NULL);
        break;
    case 13: look(operand); break;
    case 14: must(is_fair(tally_registry_reclaim(run.registry, NULL, NULL)), "reclaim"); break;
    default:
        if (shape == 7 && atomic_load(&run.may_close)) {
            tally_registry *copy = run.registry;
            must((operand % 2 ? tally_registry_close(&copy) : tally_registry_abandon(&copy)) == TALLY_OK, "close");
        }
    }
}

static void *run_lane(void *argument)
{
    lane *mine = argument;
    while (mine->at < mine->count) step(mine);
    return NULL;
}

/* ----------------------------------------------------------------------------------------------- whole */

static void check_ends(void)
{
    uint32_t ever = atomic_load(&run.ever);
    for (uint32_t i = 0; i < ever && i < GUESTS_MAX; i++) {
        const guest *one = &run.guests[i];
        must(one->destroyed == 1, "a destructor never ran");
        must(!one->once || one->calls == 0 || one->removals == 0, "a once handler was run and removed");
    }
    must(atomic_load(&run.fired) == atomic_load(&run.called), "what notify says is what was called");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&run, 0, sizeof run);
    memset(lanes, 0, sizeof lanes);
    size_t handles = tally_handle_count();
    must(tally_kind_intern("fuzz.a", 6, &run.kinds[0], NULL) == TALLY_OK, "intern");
    must(tally_kind_intern("fuzz.b", 6, &run.kinds[1], NULL) == TALLY_OK, "intern");
    must(tally_registry_open(NULL, &run.registry, NULL) == TALLY_OK, "open");
    must(tally_registry_child(run.registry, NULL, &run.child, NULL) == TALLY_OK, "child");
    run.number = tally_registry_number(run.registry);
    if (size > 0) atomic_store(&run.may_close, data[0] & 1u);
    for (size_t i = 1; i < size; i++) { /* three bytes each, in turn */
        lane *mine = &lanes[(i - 1) / 3 % LANES];
        if (mine->count < BYTES_MAX) mine->bytes[mine->count++] = data[i];
    }
    for (size_t i = 0; i < LANES; i++) {
        must(pthread_create(&lanes[i].thread, NULL, run_lane, &lanes[i]) == 0, "no thread");
    }
    for (size_t i = 0; i < LANES; i++) (void)pthread_join(lanes[i].thread, NULL);
    must(tally_registry_close(&run.registry) == TALLY_OK, "close");
    must(tally_registry_close(&run.child) == TALLY_OK, "close of the child");
    must(tally_reclaim(NULL, NULL) == TALLY_OK, "reclaim of all");
    check_ends();
    must(tally_handle_count() == handles, "a handle is left open");
    return 0;
}
