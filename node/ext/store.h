/* The store in the shim: what its files share.
 *
 *   JavaScript (node/lib/store*.js) ──▶ functions bound to one store ──▶ the public headers of the core
 *
 * A function that JavaScript calls for a store carries the store in its data (napi_create_function), so that a
 * call needs no external and no type tag, and nobody can hand it a stranger. All of them together keep the
 * node_store alive; so does each job.
 *
 *   job   one call that may touch a file: run on a thread of the pool (a promise) or at once (its Sync twin)
 *   bell  what the store's own thread may touch: wakes the loop, once for many completions
 *
 * invariant: only the environment's thread reads or writes a node_store, but for `bell`, which looks after
 * itself, and for a job's own copies. */
#ifndef TALLY_NODE_STORE_H
#define TALLY_NODE_STORE_H

#include "shim.h"

#include <stdatomic.h>

typedef struct node_bell node_bell;
typedef struct node_gates node_gates;
typedef struct node_mirror node_mirror;

/* A handle as jobs hold it: a stale one is known by its generation. */
typedef struct node_handle {
    tally_store *store;
    uint32_t generation;
} node_handle;

/* Texts and data of one event that is appended alone; longer data is held in memory of its own. */
#define SCRATCH_BYTES 65536
/* Longer than any name may be, so that the core sees that one is too long. */
#define NAME_BYTES 1024
/* Completions that are taken at a time. */
#define TAKE_MAX 64
/* 32-bit words of a receipt as JavaScript reads it: tally_receipt as it lies in memory. */
#define RECEIPT_WORDS (sizeof(tally_receipt) / 4)

typedef struct node_store {
    struct node_store *next;
    struct node_store **link; /* in shim->stores; NULL once it is not in it */
    napi_env env;             /* NULL once the environment is going down */
    node_handle handle;       /* store NULL: closed */
    tally_completions *completions;
    node_bell *bell;
    node_gates *gates;       /* NULL: none yet */
    node_mirror *mirror;     /* NULL: none wanted */
    uint64_t handler;        /* of tally_store_on; 0: none */
    tally_completion *taken; /* TAKE_MAX of them */
    tally_receipt *receipts; /* memory of JavaScript, kept by `receipts_array` */
    size_t receipt_count;
    napi_ref receipts_array;
    char *scratch;
    tally_text last_stream; /* of the last append that named them */
    tally_text last_type;
    char stream[NAME_BYTES];
    char type[NAME_BYTES];
    uint32_t references; /* functions and jobs */
    bool in_gate;        /* a gate of JavaScript runs: nothing may be appended */
} node_store;

/* ------------------------------------------------------------------------------------- store_open.c */

bool store_define(napi_env env, napi_value exports);
/* The store of a bound function and its arguments; NULL with an exception when it is closed. */
node_store *store_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values);
void store_drop(node_store *store);
/* Adds a function bound to `store` to `object`. */
bool store_bind(napi_env env, node_store *store, napi_value object, const char *name, napi_callback function);
bool store_bind_all(napi_env env, node_store *store, napi_value object, const shim_function *functions, size_t count);
/* The environment goes down: closes all its stores, so that what was buffered is not lost. */
void stores_going_down(node_shim *shim);

/* -------------------------------------------------------------------------------------- store_job.c */

/* One call. The struct of a kind of call begins with it. `run` is on any thread and sets status and error;
 * `done` makes the value, on the environment's thread; `drop` frees what it holds, whatever happened. */
typedef struct node_job {
    void (*run)(struct node_job *job);
    napi_value (*done)(napi_env env, struct node_job *job);
    void (*drop)(napi_env env, struct node_job *job);
    node_store *store; /* may be NULL */
    node_handle handle;
    tally_status status;
    tally_error error;
    napi_async_work work;
    napi_deferred deferred;
} node_job;

/* Zero-filled, for a store or NULL; `size` is that of the whole struct. NULL with an exception. */
void *job_open(napi_env env, size_t size, node_store *store);
/* Frees a job that will not go. Returns NULL. */
napi_value job_cancel(napi_env env, node_job *job);
/* Runs it: the value, or a promise of it when `is_async`. The job is gone after it. */
napi_value job_go(napi_env env, node_job *job, bool is_async);
/* The error as a value, as `shim_throw` throws it. */
napi_value job_error(napi_env env, const tally_error *error);
napi_value done_undefined(napi_env env, node_job *job);

/* --------------------------------------------------------------------------------- store_completion.c */

/* NULL with an exception. `woken` is called on the loop. */
node_bell *bell_open(napi_env env, napi_value woken);
/* On any thread. */
void bell_ring(void *user_data);
void bell_close(node_bell *bell);
/* For somebody else who rings it: as long as he has it, ringing is safe. */
node_bell *bell_keep(node_bell *bell);
void bell_drop(node_bell *bell);
bool completion_open(napi_env env, node_store *store);
bool completion_bind(napi_env env, node_store *store, napi_value object);
/* The handler that only rings: for tally_store_on. */
bool notice_bind(napi_env env, node_store *store, napi_value object);

/* ----------------------------------------------------------------------------- the others' functions */

bool append_bind(napi_env env, node_store *store, napi_value object);
bool pack_bind(napi_env env, node_store *store, napi_value object);
bool gate_bind(napi_env env, node_store *store, napi_value object);
void gates_close(napi_env env, node_store *store);
bool state_bind(napi_env env, node_store *store, napi_value object);
bool looking_bind(napi_env env, node_store *store, napi_value object);
bool reading_bind(napi_env env, node_store *store, napi_value object);
bool upkeep_bind(napi_env env, node_store *store, napi_value object);
bool upkeep_define(napi_env env, napi_value exports);
bool signing_bind(napi_env env, node_store *store, napi_value object);
bool proving_bind(napi_env env, node_store *store, napi_value object);
bool verify_bind(napi_env env, node_store *store, napi_value object);
bool verify_define(napi_env env, napi_value exports);
bool proof_define(napi_env env, napi_value exports);
bool witness_define(napi_env env, napi_value exports);

/* ------------------------------------------------------------------------------------- store_pack.c */

/* Words and texts that JavaScript packed, as they are read one after the other. Reading beyond the end sets
 * `broken` and gives zeros: whoever reads looks at it once, at the end. */
typedef struct node_packed {
    const uint32_t *words;
    size_t word_count;
    size_t next_word;
    const char *text;
    size_t text_length;
    size_t next_text;
    bool broken;
} node_packed;

uint32_t packed_word(node_packed *packed);
uint64_t packed_long(node_packed *packed);
tally_text packed_text(node_packed *packed);
/* `count` texts into `texts`. */
void packed_texts(node_packed *packed, tally_text *texts, size_t count);
tally_uuid packed_uuid(node_packed *packed);
/* Whether everything was read and nothing beyond; throws otherwise. */
bool packed_is_whole(napi_env env, const node_packed *packed);
/* Copies a string of JavaScript whose code units are known: NULL with an exception. Free it with free(). */
char *shim_copy_text(napi_env env, napi_value value, size_t *length);

/* ----------------------------------------------------------------------------------- store_values.c */

/* Copies of byte arrays that JavaScript gave in one array. Keys may be among them, so they are wiped. */
typedef struct node_texts {
    char *memory;
    size_t bytes;
    tally_text *items; /* none of them NULL, also an empty one */
    size_t count;
} node_texts;

/* An array of Uint8Array with at least so many; false with an exception, and nothing to free. */
bool texts_copy(napi_env env, napi_value array, size_t least, node_texts *texts);
void texts_free(node_texts *texts);
/* 64 digits. */
napi_value shim_hash(napi_env env, const tally_hash *hash);
bool shim_get_hash(napi_env env, tally_text text, tally_hash *hash);

/* ---------------------------------------------------------------------------------- store_upkeep.c */

/* Three numbers of JavaScript through which long work is watched and stopped. */
typedef struct node_watch {
    double *numbers;
    napi_ref array;
} node_watch;

bool watch_read(napi_env env, napi_value value, node_watch *watch);
void watch_drop(napi_env env, node_watch *watch);
/* A tally_progress; its user_data is the node_watch. */
int32_t watch_progress(void *user_data, uint64_t done, uint64_t total);

/* --------------------------------------------------------------------------------- store_signing.c */

/* How heads are signed, as the core takes it; it points into `texts`. */
typedef struct node_signing {
    node_texts texts;
    tally_signing signing;
} node_signing;

/* [flags, Uint8Array of each text]: key path, key text, state path, remembered, its path, mirror path, verify keys. */
bool signing_read(napi_env env, napi_value flags, napi_value texts, node_signing *signing);
/* What a mirror of JavaScript is told through; NULL with an exception. */
node_mirror *mirror_open(napi_env env);
/* A tally_mirror; its user_data is the node_mirror. */
int32_t mirror_take(void *user_data, const char *note, size_t length);
/* From now on it rings. */
void mirror_attach(node_mirror *mirror, node_bell *bell);
/* When the core does not call it any more. NULL is fine. */
void mirror_close(node_mirror *mirror);

/* ------------------------------------------------------------------------------------------ proof.c */

bool set_signatures(napi_env env, napi_value object, const tally_signed *signatures);
bool set_checkpoint(napi_env env, napi_value object, const tally_checkpoint *checkpoint);

/* -------------------------------------------------------------------------------------- store_page.c */

/* Events as JavaScript reads them, one after the other in one piece of memory. */
typedef struct node_page {
    uint8_t *bytes;
    size_t used;
    size_t capacity;
} node_page;

/* False when memory is short: the page is as it was. */
bool page_add(node_page *page, const tally_event *event);
void page_free(node_page *page);
/* An ArrayBuffer with the page; the page is empty afterwards. */
napi_value page_value(napi_env env, node_page *page);

/* Positions and other counts: a number, refused beyond 2^53 - 1. */
napi_value shim_count(napi_env env, uint64_t number);
bool shim_set_count(napi_env env, napi_value object, const char *name, uint64_t number);

/* Sets status and error of a job by itself. */
void job_fail(node_job *job, tally_status status, const char *text);

#endif
