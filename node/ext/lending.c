#include "shim.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Handlers of other addons: lent to the core, kept alive meanwhile, given back on any thread. */

/* A handler of another addon while the core has it, once or several times. Its external is kept alive until
 * the core is through with it, which may become true on any thread. */
typedef struct node_borrowed {
    const tally_native_handler *from; /* tells it from others while it is borrowed */
    tally_handler function;
    void *user_data;
    tally_destructor destructor;
    napi_ref keep_alive;
    struct node_yard *yard;
    _Atomic(uint32_t) registrations;
    struct node_borrowed *left;    /* in yard->left */
    struct node_borrowed *sibling; /* in yard->lent */
} node_borrowed;

/* Where other threads leave what only the environment's thread may let go of.
 * invariant: freed when the environment is gone and nothing is borrowed any more */
typedef struct node_yard {
    _Atomic(node_borrowed *) left;
    node_borrowed *lent; /* of the environment's thread: those that are borrowed, and those left but not swept */
    _Atomic(uint32_t) references;
    _Atomic(bool) deserted;
} node_yard;

node_yard *yard_open(void)
{
    node_yard *made = malloc(sizeof *made);
    if (made == NULL) return NULL;
    atomic_init(&made->left, NULL);
    atomic_init(&made->references, 1);
    atomic_init(&made->deserted, false);
    made->lent = NULL;
    return made;
}

static void yard_release(node_yard *yard)
{
    if (atomic_fetch_sub(&yard->references, 1) == 1) free(yard);
}

static void unlend(node_yard *yard, const node_borrowed *handler)
{
    node_borrowed **link = &yard->lent;
    while (*link != NULL && *link != handler) link = &(*link)->sibling;
    if (*link != NULL) *link = handler->sibling;
}

/* `env` NULL: references and the list of what is lent went with the environment. Whoever does this holds the
 * yard, so its last reference is never given up here. */
static void let_go(napi_env env, node_yard *yard, node_borrowed *handler)
{
    if (env != NULL) {
        unlend(yard, handler);
        IGNORE(napi_delete_reference(env, handler->keep_alive));
    }
    free(handler);
    (void)atomic_fetch_sub(&yard->references, 1);
}

void yard_sweep(napi_env env, node_yard *yard)
{
    node_borrowed *left = atomic_exchange(&yard->left, NULL);
    while (left != NULL) {
        node_borrowed *next = left->left;
        let_go(env, yard, left);
        left = next;
    }
}

void yard_close(node_yard *yard)
{
    atomic_store(&yard->deserted, true);
    yard_sweep(NULL, yard);
    yard_release(yard);
}

static void yard_leave(node_borrowed *handler)
{
    node_yard *yard = handler->yard;
    /* Held over the whole of it: the last one to sweep may be this thread. */
    (void)atomic_fetch_add(&yard->references, 1);
    handler->left = atomic_load(&yard->left);
    while (!atomic_compare_exchange_weak(&yard->left, &handler->left, handler)) {
    }
    if (atomic_load(&yard->deserted)) yard_sweep(NULL, yard);
    yard_release(yard);
}

static int32_t call_borrowed(void *user_data, const tally_notice *notice)
{
    const node_borrowed *handler = user_data;
    return handler->function(handler->user_data, notice);
}

/* The core is through with one registration: on any thread. */
static void give_back(void *user_data)
{
    node_borrowed *handler = user_data;
    if (atomic_fetch_sub(&handler->registrations, 1) != 1) return;
    if (handler->destructor != NULL) handler->destructor(handler->user_data);
    yard_leave(handler);
}

static bool is_usable(const tally_native_handler *handler)
{
    return handler->size >= sizeof *handler && handler->size <= TALLY_STRUCT_SIZE_MAX &&
           handler->magic == TALLY_NATIVE_HANDLER_MAGIC && handler->function != NULL && handler->reserved == 0 &&
           (handler->flags & ~TALLY_NATIVE_QUICK) == 0;
}

/* The one that is lent already, with one registration more; not when its last one just ended. */
static node_borrowed *borrow_again(const node_yard *yard, const tally_native_handler *from)
{
    for (node_borrowed *handler = yard->lent; handler != NULL; handler = handler->sibling) {
        uint32_t registrations = atomic_load(&handler->registrations);
        while (handler->from == from && registrations != 0) {
            if (atomic_compare_exchange_weak(&handler->registrations, &registrations, registrations + 1))
                return handler;
        }
    }
    return NULL;
}

static node_borrowed *borrow_first(napi_env env, node_yard *yard, napi_value external, const tally_native_handler *from)
{
    node_borrowed *handler = calloc(1, sizeof *handler);
    if (handler == NULL) {
        (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a native handler");
        return NULL;
    }
    napi_status status = napi_create_reference(env, external, 1, &handler->keep_alive);
    if (status != napi_ok) {
        free(handler);
        shim_failed(env, status, "napi_create_reference");
        return NULL;
    }
    handler->from = from;
    handler->function = from->function;
    handler->user_data = from->user_data;
    handler->destructor = from->destructor;
    handler->yard = yard;
    atomic_init(&handler->registrations, 1);
    handler->sibling = yard->lent;
    yard->lent = handler;
    (void)atomic_fetch_add(&yard->references, 1);
    return handler;
}

bool native_borrow(napi_env env, napi_value external, const tally_native_handler *from, node_target *target)
{
    void *data = NULL;
    if (!is_usable(from)) {
        (void)shim_throw_text(env, TALLY_E_ARGUMENT, "the native handler is damaged, or made for another version");
        return false;
    }
    TRY_OR_FALSE(env, napi_get_instance_data(env, &data));
    node_yard *yard = ((node_shim *)data)->yard;
    yard_sweep(env, yard);
    node_borrowed *handler = borrow_again(yard, from);
    if (handler == NULL) handler = borrow_first(env, yard, external, from);
    if (handler == NULL) return false;
    target->function = call_borrowed;
    target->user_data = handler;
    target->destructor = give_back;
    target->flags = (from->flags & TALLY_NATIVE_QUICK) != 0 ? 0 : TALLY_HANDLER_MAY_BLOCK;
    target->borrowed = handler;
    return true;
}

/* The core did not take it over: the addon's destructor does not run. */
void native_target_drop(napi_env env, node_target *target)
{
    node_borrowed *handler = target->borrowed;
    target->borrowed = NULL;
    if (handler == NULL || atomic_fetch_sub(&handler->registrations, 1) != 1) return;
    let_go(env, handler->yard, handler);
}
