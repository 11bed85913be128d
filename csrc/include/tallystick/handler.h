/**
 * @file handler.h
 * @brief Handlers: the callback, what it is given, and how it answers.
 *
 * A handler is a C function and a `user_data` pointer. It is called with a *notice*, the event as
 * the registry sees it. It answers with a number, and a failure is just another number: nothing is
 * thrown, nothing unwinds, a failing handler costs nanoseconds and hurts nobody else.
 *
 *     static int32_t on_paid(void *user_data, const tally_notice *notice)
 *     {
 *         struct ledger *ledger = user_data;
 *         if (notice->length != sizeof(struct order))
 *             return tally_handler_fail(-1, "an order of the wrong size", 26, NULL);
 *         return ledger_add(ledger, notice->data);
 *     }
 *
 * What a handler may do: everything. Register, unregister (itself too), clear, close and notify of
 * any registry work inside a handler; only waiting does not (tally_registry_unregister_wait removes
 * and returns TALLY_E_WOULD_BLOCK), because it could wait for itself. What it may not do: leave by
 * longjmp, by a C++ exception or by ending its thread.
 */
#ifndef TALLYSTICK_HANDLER_H
#define TALLYSTICK_HANDLER_H

#include "kind.h"

/**
 * One event on its way to the handlers. Everything in it is borrowed for the call: a handler that
 * wants to keep the data copies it.
 */
typedef struct tally_notice {
    uint32_t kind;    /**< an exact kind (kind.h), or TALLY_KIND_NONE */
    uint32_t flags;   /**< 0; other values are refused */
    const void *data; /**< the event's bytes; the library never looks inside; NULL only with length 0 */
    size_t length;    /**< in bytes */
    void *context;    /**< the host object of a binding; NULL from C. Not for native handlers */
} tally_notice;

/** The handler did its work. */
#define TALLY_HANDLER_DONE 0
/** Done, and no handler after this one shall run. A failure where the registry does not allow it. */
#define TALLY_HANDLER_STOP 1
/** The target of the handler is gone (a weak reference): counts as skipped; the handler is detached. */
#define TALLY_HANDLER_GONE (-2147483647)
/**
 * The host itself must unwind (a KeyboardInterrupt in Python): the fan-out ends at once, nothing is
 * reported, and notify returns TALLY_E_ABORTED. For bindings.
 */
#define TALLY_HANDLER_ABORT (-2147483647 - 1)

/**
 * A handler. Runs on the thread that notifies, under no lock, possibly on many threads at once.
 *
 * @param user_data  as registered
 * @param notice     the event; valid until the handler returns
 * @return TALLY_HANDLER_DONE, TALLY_HANDLER_STOP, TALLY_HANDLER_GONE, TALLY_HANDLER_ABORT;
 *         any other number is a failure with that code
 */
typedef int32_t (*tally_handler)(void *user_data, const tally_notice *notice);

/** Frees a `user_data`. Runs exactly once, never inside a notify, under no lock. */
typedef void (*tally_destructor)(void *user_data);

/** Longest message of a failure, in bytes; a longer one is cut at a character boundary. */
#define TALLY_HANDLER_MESSAGE_MAX 255
/** Longest name of a handler, in bytes. */
#define TALLY_HANDLER_NAME_MAX 127

/**
 * Gives a failure its message and payload; to be used as `return tally_handler_fail(…)`.
 *
 * What is said here belongs to the handler that runs on this thread right now. It is forgotten when
 * that handler returns another code than `code`.
 *
 * @param code     what to return; not 0 and none of the TALLY_HANDLER_ codes, else it becomes -1
 * @param message  UTF-8, copied; bytes that are not UTF-8 become '?'; NULL with length 0 for none
 * @param length   in bytes; what is beyond TALLY_HANDLER_MESSAGE_MAX is cut; above PTRDIFF_MAX it is no
 *                 message at all
 * @param payload  passed to on_panic untouched and borrowed until it returns; may be NULL
 * @return `code`
 */
TALLY_API int32_t tally_handler_fail(int32_t code, const char *message, size_t length, void *payload);

/**
 * Names one registration. Both numbers come from counters that never repeat in a process, so an id
 * is never mistaken for another, not even one of a registry that was closed. Compare both members.
 * {0, 0} is no handler's id.
 */
typedef struct tally_handler_id {
    uint64_t registry;
    uint64_t handler;
} tally_handler_id;

/** What on_panic, observers and logs are told about a handler that failed. Borrowed for the call. */
typedef struct tally_failure {
    tally_handler_id id;
    int32_t code;     /**< what the handler returned */
    uint32_t kind;    /**< the notice's kind */
    const char *name; /**< the handler's name, NUL-terminated, "" when it has none */
    size_t name_length;
    const char *message; /**< NUL-terminated, "" when none was given */
    size_t message_length;
    void *payload;              /**< as given to tally_handler_fail, or NULL */
    void *user_data;            /**< the failing handler's */
    const tally_notice *notice; /**< the event it failed on */
} tally_failure;

/* ---------------------------------------------------------------- handlers of other extensions */

/** "TALLYHND" read as a little-endian number: tells a tally_native_handler from other memory. */
#define TALLY_NATIVE_HANDLER_MAGIC 0x444e48594c4c4154ull
/** The handler is short and never blocks: a binding may keep its interpreter lock around it. */
#define TALLY_NATIVE_QUICK 1u

/**
 * A C handler as another extension hands it to a binding: in Python inside a capsule named
 * TALLY_NATIVE_HANDLER_CAPSULE, in Node as a tagged external.
 *
 * The struct must live as long as the capsule or external. The binding keeps the capsule alive while
 * the handler is registered, so `user_data` may live in the object that the capsule keeps.
 */
typedef struct tally_native_handler {
    size_t size;    /**< sizeof(tally_native_handler) */
    uint64_t magic; /**< TALLY_NATIVE_HANDLER_MAGIC */
    tally_handler function;
    void *user_data;
    tally_destructor destructor; /**< of user_data, run once after the last call; may be NULL */
    uint32_t flags;              /**< TALLY_NATIVE_QUICK or 0; 0 = it may block */
    uint32_t reserved;           /**< 0 */
    void *keep_alive;            /**< for the extension that made it; not touched */
} tally_native_handler;

/** The name of the Python capsule. */
#define TALLY_NATIVE_HANDLER_CAPSULE "tallystick.handler.v1"

#endif
