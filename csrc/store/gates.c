#include "store/gates.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "base/text.h"
#include "base/threads.h"
#include "store/append.h"

#define GATE_NAME_MAX 127
#define DEFAULT_NAME "gate"

struct tally_gate_entry {
    tally_gate function;
    void *user_data;
    tally_destructor destructor;
    uint64_t number;
    uint32_t inside; /* threads that took it; guarded by the mutex */
    bool removed;
    bool record;
    char name[GATE_NAME_MAX + 1];
};

struct tally_gate_caller {
    const tally_thread *thread;
    tally_gate_caller *next;
};

static void lock(const tally_store_body *body)
{
    body->platform->mutex_lock(body->platform->context, &body->gates->mutex);
}

static void unlock(const tally_store_body *body)
{
    body->platform->mutex_unlock(body->platform->context, &body->gates->mutex);
}

/* ------------------------------------------------------------------------------------ open, close */

tally_status tally_gates_open(tally_store_body *body, tally_error *error)
{
    const tally_platform *platform = body->platform;
    int32_t os_error = 0;
    tally_gates *gates = platform->allocate(platform->context, sizeof *gates);
    if (gates == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a store");
    memset(gates, 0, sizeof *gates);
    tally_status status = platform->mutex_init(platform->context, &gates->mutex, &os_error);
    if (status == TALLY_OK) {
        status = platform->condition_init(platform->context, &gates->left, &os_error);
        if (status != TALLY_OK) platform->mutex_destroy(platform->context, &gates->mutex);
    }
    if (status != TALLY_OK) {
        platform->release(platform->context, gates);
        return tally_fail_os(error, status, os_error, NULL, "the system refused a lock");
    }
    body->gates = gates;
    return TALLY_OK;
}

/* Nobody is inside, under no lock. */
static void free_entry(const tally_store_body *body, tally_gate_entry *entry)
{
    if (entry->destructor != NULL) {
        tally_callback callback;
        tally_callback_enter(&callback);
        entry->destructor(entry->user_data);
        tally_callback_leave(&callback);
    }
    body->platform->release(body->platform->context, entry);
}

void tally_gates_close(tally_store_body *body)
{
    const tally_platform *platform = body->platform;
    tally_gates *gates = body->gates;
    if (gates == NULL) return;
    for (uint32_t i = 0; i < atomic_load(&gates->count); i++) free_entry(body, gates->entries[i]);
    platform->condition_destroy(platform->context, &gates->left);
    platform->mutex_destroy(platform->context, &gates->mutex);
    platform->release(platform->context, gates);
    body->gates = NULL;
}

/* ------------------------------------------------------------------------------------------ running */

static bool is_caller(const tally_gates *gates, const tally_thread *thread)
{
    for (const tally_gate_caller *caller = gates->callers; caller != NULL; caller = caller->next) {
        if (caller->thread == thread) return true;
    }
    return false;
}

bool tally_store_in_gate(const tally_store_body *body)
{
    if (!tally_thread_in_callback()) return false;
    lock(body);
    bool inside = is_caller(body->gates, tally_thread_now);
    unlock(body);
    return inside;
}

static uint32_t take_all(const tally_store_body *body, tally_gate_caller *caller,
                         tally_gate_entry *taken[TALLY_GATES_MAX])
{
    tally_gates *gates = body->gates;
    lock(body);
    uint32_t count = atomic_load_explicit(&gates->count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        taken[i] = gates->entries[i];
        taken[i]->inside++;
    }
    caller->next = gates->callers;
    gates->callers = caller;
    unlock(body);
    return count;
}

static void give_all(const tally_store_body *body, tally_gate_caller *caller,
                     tally_gate_entry *const taken[TALLY_GATES_MAX], uint32_t count)
{
    tally_gates *gates = body->gates;
    bool wake = false;
    lock(body);
    for (uint32_t i = 0; i < count; i++) {
        taken[i]->inside--;
        wake = wake || taken[i]->removed;
    }
    tally_gate_caller **link = &gates->callers;
    while (*link != caller) link = &(*link)->next;
    *link = caller->next;
    if (wake) body->platform->condition_wake_all(body->platform->context, &gates->left);
    unlock(body);
}

/* ------------------------------------------------------------------------------------ recording */

#define RECORD_MAX 8192

/* A JSON string. Names have no control characters; what a gate calls itself has none either. */
static size_t quote(char *to, const char *text, size_t length)
{
    size_t at = 0;
    to[at++] = '"';
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\') to[at++] = '\\';
        to[at++] = text[i];
    }
    to[at++] = '"';
    return at;
}

static size_t put(char *to, const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++) to[length] = text[length];
    return length;
}

/* Says who refused what sort of event, never the data. A refusal stands also when it cannot be recorded. */
static void record(tally_store_body *body, const tally_gate_entry *entry, const tally_refusal *refusal,
                   const tally_draft *first, uint32_t level)
{
    char json[RECORD_MAX];
    char code[16];
    (void)snprintf(code, sizeof code, "%d", (int)refusal->code);
    size_t at = put(json, "{\"code\":");
    at += put(json + at, code);
    at += put(json + at, ",\"gate\":");
    at += quote(json + at, entry->name, strlen(entry->name));
    at += put(json + at, ",\"stream\":");
    at += quote(json + at, first->stream.bytes, first->stream.length);
    at += put(json + at, ",\"type\":");
    at += quote(json + at, first->type.bytes, first->type.length);
    at += put(json + at, "}");
    tally_draft draft = {.size = sizeof draft,
                         .stream = {"$gates", 6},
                         .type = {"tally.refused", 13},
                         .content_type = {"application/json", 16},
                         .data = json,
                         .length = at};
    (void)tally_store_append_system(body, &draft, level, NULL);
}

static tally_status refused(const tally_gate_entry *entry, const tally_refusal *refusal, tally_error *error)
{
    char message[sizeof refusal->message];
    size_t length = 0;
    while (length < sizeof refusal->message && refusal->message[length] != '\0') length++;
    (void)tally_text_copy(message, sizeof message, refusal->message, length);
    if (length == 0) return tally_fail_os(error, TALLY_E_REFUSED, refusal->code, NULL, "refused by %s", entry->name);
    return tally_fail_os(error, TALLY_E_REFUSED, refusal->code, NULL, "%s", message);
}

tally_status tally_gates_run(tally_store_body *body, const tally_draft *drafts, size_t count, uint32_t level,
                             tally_error *error)
{
    if (atomic_load_explicit(&body->gates->count, memory_order_acquire) == 0) return TALLY_OK;
    tally_gate_entry *taken[TALLY_GATES_MAX];
    tally_callback callback;
    tally_refusal refusal;
    const tally_gate_entry *refuser = NULL;
    tally_callback_enter(&callback);
    tally_gate_caller caller = {tally_thread_now, NULL};
    uint32_t taken_count = take_all(body, &caller, taken);
    for (uint32_t i = 0; i < taken_count && refuser == NULL; i++) {
        memset(&refusal, 0, sizeof refusal);
        if (taken[i]->function(taken[i]->user_data, drafts, count, &refusal) != 0) refuser = taken[i];
    }
    tally_status status = refuser == NULL ? TALLY_OK : refused(refuser, &refusal, error);
    tally_gate_entry noted = {.record = false};
    if (refuser != NULL) noted = *refuser;
    give_all(body, &caller, taken, taken_count);
    tally_callback_leave(&callback);
    if (noted.record) record(body, &noted, &refusal, drafts, level);
    return status;
}

/* ----------------------------------------------------------------------------------- add, remove */

static tally_status read_options(const tally_gate_options *options, tally_gate_options *known, tally_error *error)
{
    tally_status status =
        tally_options_read(known, sizeof *known, sizeof(tally_gate_options), options, "tally_gate_options", error);
    if (status != TALLY_OK) return status;
    if (known->record > 1 || known->reserved != 0) {
        return tally_fail(error, TALLY_E_OPTION, "record is %u and reserved %u; they are 0 or 1, and 0", known->record,
                          known->reserved);
    }
    return tally_name_check(known->name.bytes, known->name.length, 0, GATE_NAME_MAX, "the gate's name", error);
}

static tally_status add(tally_store_body *body, tally_gate function, void *user_data, const tally_gate_options *options,
                        uint64_t *number, tally_error *error)
{
    const tally_platform *platform = body->platform;
    tally_gates *gates = body->gates;
    tally_gate_entry *entry = platform->allocate(platform->context, sizeof *entry);
    if (entry == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a gate");
    tally_text name = options->name;
    if (name.length == 0) name = (tally_text){DEFAULT_NAME, sizeof DEFAULT_NAME - 1};
    memset(entry, 0, sizeof *entry);
    entry->function = function;
    entry->user_data = user_data;
    entry->destructor = options->destructor;
    entry->record = options->record != 0;
    memcpy(entry->name, name.bytes, name.length);
    lock(body);
    uint32_t count = atomic_load_explicit(&gates->count, memory_order_relaxed);
    bool fits = count < TALLY_GATES_MAX;
    if (fits) {
        entry->number = ++gates->last_number;
        *number = entry->number;
        gates->entries[count] = entry;
        atomic_store_explicit(&gates->count, count + 1, memory_order_release);
    }
    unlock(body);
    if (fits) return TALLY_OK;
    platform->release(platform->context, entry);
    return tally_fail(error, TALLY_E_LIMIT, "the store has %u gates already", TALLY_GATES_MAX);
}

tally_status tally_store_gate_add(tally_store *store, tally_gate gate, void *user_data,
                                  const tally_gate_options *options, uint64_t *number, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_gate_options known;
    tally_error_clear(error);
    if (number == NULL) return tally_fail(error, TALLY_E_NULL, "number is NULL; it receives the gate's number");
    *number = 0;
    if (gate == NULL) return tally_fail(error, TALLY_E_NULL, "gate is NULL; pass a function");
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = tally_store_writable(body, error);
    if (status == TALLY_OK) status = read_options(options, &known, error);
    if (status == TALLY_OK) status = add(body, gate, user_data, &known, number, error);
    tally_gate_leave(&call);
    return status;
}

/* Takes it out of the list; NULL: there is none of that number. */
static tally_gate_entry *take_out(tally_gates *gates, uint64_t number)
{
    uint32_t count = atomic_load_explicit(&gates->count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        tally_gate_entry *entry = gates->entries[i];
        if (entry->number != number) continue;
        memmove(&gates->entries[i], &gates->entries[i + 1], (count - i - 1) * sizeof entry);
        atomic_store_explicit(&gates->count, count - 1, memory_order_release);
        entry->removed = true;
        return entry;
    }
    return NULL;
}

static tally_status remove_gate(tally_store_body *body, uint64_t number, tally_error *error)
{
    tally_gates *gates = body->gates;
    lock(body);
    bool inside = is_caller(gates, tally_thread_now);
    tally_gate_entry *entry = inside ? NULL : take_out(gates, number);
    while (entry != NULL && entry->inside != 0) {
        (void)tally_wait_until(body->platform, &gates->left, &gates->mutex, TALLY_DEADLINE_NEVER);
    }
    unlock(body);
    if (inside) return tally_fail(error, TALLY_E_WOULD_BLOCK, "a gate may not remove gates: it would wait for itself");
    if (entry == NULL) return tally_fail_at(error, TALLY_E_NOT_FOUND, number, "there is no gate of that number");
    free_entry(body, entry);
    return TALLY_OK;
}

tally_status tally_store_gate_remove(tally_store *store, uint64_t number, tally_error *error)
{
    tally_call call;
    tally_store_body *body;
    tally_status status = tally_store_enter(&call, store, &body, error);
    if (status != TALLY_OK) return status;
    status = remove_gate(body, number, error);
    tally_gate_leave(&call);
    tally_close_deferred();
    return status;
}
