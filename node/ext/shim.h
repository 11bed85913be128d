/* The Node-API shim: what its files share.
 *
 *   JavaScript (node/lib) ──▶ functions of the addon ──▶ the public headers of the core
 *
 * The shim translates values, errors, threads and lifetimes. Three kinds of object:
 *
 *   shim     one per environment (instance data): the factory of errors, the open parts
 *   part     one per registry that has something in C: the core registry and what tells JavaScript
 *   outpost  what other threads may touch of a part; never freed, used again
 *
 * Only node/lib calls the functions here, with arguments it has checked; what a stranger gives (the handler
 * to register) is checked here, by type tag. */
#ifndef TALLY_NODE_SHIM_H
#define TALLY_NODE_SHIM_H

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>

#include <tallystick/tallystick.h>

/* Every call of Node-API goes through this. On failure the exception is pending, or the environment is
 * going down; either way the function returns. */
#define TRY(env, call)                                                       \
    do {                                                                     \
        napi_status tried = (call);                                          \
        if (tried != napi_ok) return shim_failed((env), tried, #call), NULL; \
    } while (0)

/* The same in functions that answer with a bool. */
#define TRY_OR_FALSE(env, call)                                               \
    do {                                                                      \
        napi_status tried = (call);                                           \
        if (tried != napi_ok) return shim_failed((env), tried, #call), false; \
    } while (0)

/* And where nobody can be told: at teardown, in finalizers. */
#define IGNORE(call)                  \
    do {                              \
        napi_status ignored = (call); \
        (void)ignored;                \
    } while (0)

struct node_part;
struct node_borrowed;
struct node_store;

typedef struct node_shim {
    napi_env env;
    napi_ref error_factory;
    struct node_part *parts;   /* all that were not collected */
    struct node_store *stores; /* all that may be open (store.h) */
    struct node_yard *yard;
} node_shim;

/* ------------------------------------------------------------------------------------------ errors.c */

/* Makes a failed call of Node-API an exception, unless one is pending or none can be. */
void shim_failed(napi_env env, napi_status status, const char *call);
/* Throws what the core said; returns NULL for `return shim_throw(…)`. */
napi_value shim_throw(napi_env env, const tally_error *error);
napi_value shim_throw_text(napi_env env, tally_status status, const char *text);
bool errors_define(napi_env env, napi_value exports);

/* ------------------------------------------------------------------------------------------ values.c */

#define ARGUMENTS_MAX 8

/* Fills `values` with `count` arguments (missing ones are undefined) and gives the function's data. */
bool shim_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values, void **data);
napi_value shim_undefined(napi_env env);
napi_value shim_number(napi_env env, double number);
napi_value shim_text(napi_env env, const char *text, size_t length);
bool shim_set(napi_env env, napi_value object, const char *name, napi_value value);
bool shim_get_uint32(napi_env env, napi_value value, uint32_t *number);
bool shim_get_int32(napi_env env, napi_value value, int32_t *number);
bool shim_get_bool(napi_env env, napi_value value, bool *answer);
/* A number of a handler, which is whole and below 2^53. */
bool shim_get_id(napi_env env, napi_value value, uint64_t *number);
bool shim_is_undefined(napi_env env, napi_value value);
/* UTF-8, at most capacity - 1 bytes, NUL-terminated. */
bool shim_get_text(napi_env env, napi_value value, char *text, size_t capacity, size_t *length);

/* The bytes of an event: a TypedArray, DataView or ArrayBuffer; NULL and 0 for any other value. */
void shim_bytes(napi_env env, napi_value value, const void **data, size_t *length);
/* An array of a typed array that node/lib made: its memory and its number of elements. */
bool shim_array(napi_env env, napi_value value, napi_typedarray_type type, void **data, size_t *length);

/* An external with a type tag. */
napi_value shim_external(napi_env env, void *value, const napi_type_tag *tag, napi_finalize finalize);
/* Its value, or NULL when it is anything else. Throws nothing. */
void *shim_external_value(napi_env env, napi_value external, const napi_type_tag *tag);

typedef struct shim_function {
    const char *name;
    napi_callback function;
} shim_function;

bool shim_define(napi_env env, napi_value exports, const shim_function *functions, size_t count);

/* ------------------------------------------------------------------------------------------ native.c */

/* What the core is to call. `borrowed` is NULL for the objects of this library, which look after themselves. */
typedef struct node_target {
    tally_handler function;
    void *user_data;
    tally_destructor destructor;
    uint32_t flags; /* TALLY_HANDLER_MAY_BLOCK or 0 */
    struct node_borrowed *borrowed;
} node_target;

/* Understands a handler that JavaScript gave; throws ArgumentError when it is none. */
bool native_target(napi_env env, napi_value handler, node_target *target);
/* Undoes native_target when the core did not take it over. */
void native_target_drop(napi_env env, node_target *target);
bool native_define(napi_env env, napi_value exports);

/* --------------------------------------------------------------------------------------- lending.c */

/* Takes a handler of another addon: its external lives until native_target_drop or the core's destructor. */
bool native_borrow(napi_env env, napi_value external, const tally_native_handler *from, node_target *target);
/* Keep-alives that other threads let go of, waiting for this thread. */
struct node_yard *yard_open(void);
void yard_sweep(napi_env env, struct node_yard *yard);
void yard_close(struct node_yard *yard);

/* -------------------------------------------------------------------------------------------- ring.c */

/* Drains into arrays of JavaScript: bytes, offsets, lengths, kinds and, if given, sequences. */
napi_value ring_drain_into(napi_env env, tally_ring *ring, const napi_value *arrays);
napi_value ring_counts_object(napi_env env, tally_ring *ring);

/* ------------------------------------------------------------------------------------------ wakeup.c */

typedef struct node_outpost node_outpost;

/* What is told about a handler; the numbers are known to node/lib/core.js. */
#define TOLD_FAILURE 0
#define TOLD_UNREPORTED 1
#define TOLD_DONE 2

node_outpost *outpost_open(struct node_part *part);
/* From now on other threads find nobody here. */
void outpost_close(node_outpost *outpost);
tally_panic_handler outpost_panic(void);
void outpost_host(node_outpost *outpost, tally_registry_host *host);
void outpost_watch(node_outpost *outpost, uint64_t registry);
/* The ring, and the one function that wakes the loop. */
bool outpost_open_ring(napi_env env, node_outpost *outpost, uint32_t slots, uint32_t slot_bytes, napi_value woken);
tally_ring *outpost_ring(node_outpost *outpost);
bool wakeup_define(napi_env env, napi_value exports);

/* ------------------------------------------------------------- registry.c, register.c, looking.c */

/* The part of a registry that is in C. Belongs to its environment's thread. */
typedef struct node_part {
    struct node_part *next;
    struct node_part **link;  /* in shim->parts */
    napi_env env;             /* NULL once the environment is going down: nothing of it may be touched */
    tally_registry *registry; /* NULL: closed */
    node_outpost *outpost;    /* NULL: closed */
    uint32_t *words;          /* of JavaScript: the guard, then what the last crossing did */
    napi_ref words_array;
    napi_ref told;
    struct node_frame *frame; /* innermost crossing */
    uint64_t ring_id;         /* the handler that copies into the ring; 0 when there is none */
    uint32_t policy;
    uint32_t references; /* the external, and each plan */
} node_part;

#define WORDS 8
#define WORD_GUARD 0
#define WORD_FIRED 1
#define WORD_FAILED 2
#define WORD_SKIPPED 3
#define WORD_FLAGS 4

extern const napi_type_tag part_tag;

/* The part behind an external, or NULL and an exception; also when it is closed. */
node_part *part_of(napi_env env, napi_value external);
void part_drop(node_part *part);
/* Ends it without waiting: at close, when it is collected, when the environment goes down. */
void part_close(node_part *part);
bool registry_define(napi_env env, napi_value exports);
/* Lets go of what other threads left. */
void shim_sweep(napi_env env);
bool register_define(napi_env env, napi_value exports);
bool looking_define(napi_env env, napi_value exports);

/* --------------------------------------------------------------------------------------------- run.c */

/* One crossing from JavaScript. `notice` points into memory of `event`. */
typedef struct node_frame {
    struct node_frame *outer;
    node_part *part;
    napi_value event;
    tally_notice notice;
    bool watches; /* JavaScript wants every answer */
    bool broken;  /* JavaScript cannot be called any more */
} node_frame;

/* Calls JavaScript's `told`, in the middle of a crossing. */
void run_tell(node_frame *frame, uint32_t what, const tally_failure *failure, uint64_t handler);
/* The same with texts of its own, outside of a crossing. */
bool run_tell_later(node_part *part, uint32_t what, const tally_failure *failure);
bool run_define(napi_env env, napi_value exports);

/* -------------------------------------------------------------------------------------------- capi.c */

bool capi_define(napi_env env, napi_value exports);

#endif
