/**
 * @file status.h
 * @brief Status codes and error detail: one list, from which every language takes its table.
 *
 * Each status belongs to one handling class, which says what a caller can do about it:
 *
 * | class       | meaning                                                                       |
 * | ----------- | ----------------------------------------------------------------------------- |
 * | `NONE`      | nothing to handle: success                                                    |
 * | `CALLER`    | the call is wrong and will be wrong again: fix the call                       |
 * | `CONFLICT`  | the world is not as the call expected: read again, then retry                 |
 * | `TRANSIENT` | it may work later: retry                                                      |
 * | `DAMAGED`   | data is not what was written                                                  |
 * | `FATAL`     | this handle is finished, or the system refuses: reopen, or change the system  |
 * | `BUG`       | an invariant of this library is broken: report it; the handle is poisoned     |
 *
 * A caller decides by the class, tells by the message, and compares a status only where one of them is
 * expected:
 *
 *     tally_error error;
 *     tally_status status = tally_registry_open(NULL, &registry, &error);
 *     if (tally_status_class_of(status) == TALLY_CLASS_TRANSIENT) return RETRY_LATER;
 *     if (status != TALLY_OK) return complain(tally_status_name(status), error.message);
 *
 * The statuses at the end of the list are about proofs: what a verifier says of a note, a checkpoint or a proof
 * that it does not believe. They are never "no" by chance: a text that cannot be read is TALLY_E_FORMAT, one that
 * was altered is TALLY_E_SIGNATURE, TALLY_E_PROOF or TALLY_E_DAMAGED, one of somebody else is
 * TALLY_E_UNKNOWN_KEY or TALLY_E_ORIGIN, and TALLY_E_ROLLBACK says that two histories exist.
 *
 * The functions here may be called from any thread, allocate nothing, and own nothing of what they return.
 */
#ifndef TALLYSTICK_STATUS_H
#define TALLYSTICK_STATUS_H

#include "base.h"

/** 0 is success, errors are negative. Always 32 bits; enums are never in a struct or signature. */
typedef int32_t tally_status;

/** How a status wants to be handled; see the table above. Also 32 bits. */
typedef int32_t tally_status_class;

#define TALLY_CLASS_NONE 0
#define TALLY_CLASS_CALLER 1
#define TALLY_CLASS_CONFLICT 2
#define TALLY_CLASS_TRANSIENT 3
#define TALLY_CLASS_DAMAGED 4
#define TALLY_CLASS_FATAL 5
#define TALLY_CLASS_BUG 6

/**
 * The one list of all statuses. A use defines X(symbol without TALLY_, code, class, message) and names the
 * list: the enum below is made so, and so are the tables of names, messages and classes in the library.
 * Codes are never reused and never change their meaning; new ones are added at the end.
 */
#define TALLY_STATUS_LIST(X)                                                                              \
    X(OK, 0, NONE, "success")                                                                             \
    X(E_ARGUMENT, -1, CALLER, "an argument has a value that is not accepted")                             \
    X(E_NULL, -2, CALLER, "a pointer is NULL where a value is needed")                                    \
    X(E_HANDLE, -3, CALLER, "the pointer is not a handle of this library")                                \
    X(E_TYPE, -4, CALLER, "the handle is of another kind")                                                \
    X(E_CLOSED, -5, CALLER, "the handle is closed or closing")                                            \
    X(E_FORKED, -6, CALLER, "the handle was inherited through fork; open a new one in the child")         \
    X(E_FOREIGN, -7, CALLER, "the id belongs to another object")                                          \
    X(E_STRUCT_SIZE, -8, CALLER, "the size member of a struct is not one this library knows")             \
    X(E_OPTION, -9, CALLER, "an option has an unknown value")                                             \
    X(E_LENGTH, -10, CALLER, "a length is out of bounds")                                                 \
    X(E_UTF8, -11, CALLER, "the text is not valid UTF-8")                                                 \
    X(E_NUL, -12, CALLER, "the text contains a NUL byte")                                                 \
    X(E_NAME, -13, CALLER, "the name contains a character or form that names may not have")               \
    X(E_RANGE, -14, CALLER, "a number is out of range")                                                   \
    X(E_ALIGNMENT, -15, CALLER, "a pointer is misaligned")                                                \
    X(E_SPACE, -16, CALLER, "the result buffer is too small; the size needed was returned")               \
    X(E_DEPTH, -17, CALLER, "notify is nested deeper than the limit")                                     \
    X(E_WOULD_BLOCK, -18, CALLER, "waiting here could wait for itself; the wait was not made")            \
    X(E_TIMEOUT, -19, TRANSIENT, "the time allowed has passed")                                           \
    X(E_HANDLER, -20, CALLER, "a handler failed")                                                         \
    X(E_ABORTED, -21, CALLER, "a handler ended the fan-out on behalf of its host")                        \
    X(E_UNSUPPORTED, -22, FATAL, "this build or this system does not offer it")                           \
    X(E_LIMIT, -23, CALLER, "a documented limit is reached")                                              \
    X(E_NO_MEMORY, -24, TRANSIENT, "out of memory")                                                       \
    X(E_OVERFLOW, -25, CALLER, "a size or count does not fit")                                            \
    X(E_NOT_FOUND, -26, CALLER, "there is no such thing")                                                 \
    X(E_EXISTS, -27, CONFLICT, "it exists already")                                                       \
    X(E_IO, -28, FATAL, "the system reported an input or output error")                                   \
    X(E_NO_SPACE, -29, TRANSIENT, "no space is left on the device")                                       \
    X(E_DENIED, -30, FATAL, "the system denied access")                                                   \
    X(E_LOCKED, -31, TRANSIENT, "another process or handle holds the lock")                               \
    X(E_INTERRUPTED, -32, TRANSIENT, "the call was interrupted")                                          \
    X(E_TRUNCATED, -33, DAMAGED, "the bytes end too early")                                               \
    X(E_CLOCK, -34, FATAL, "the clock is out of its range")                                               \
    X(E_PANIC, -35, BUG, "an internal invariant is broken; the handle is poisoned")                       \
    X(E_FORMAT, -36, FATAL, "the bytes are of a format or use a feature that this library does not know") \
    X(E_DAMAGED, -37, DAMAGED, "the bytes are not what was written")                                      \
    X(E_CONFLICT, -38, CONFLICT, "an expected version or an append condition does not hold")              \
    X(E_REUSED, -39, CONFLICT, "the idempotency key was used for another event")                          \
    X(E_REFUSED, -40, CALLER, "a gate refused the events")                                                \
    X(E_BUSY, -41, TRANSIENT, "it cannot be done without waiting, or another thread uses the object")     \
    X(E_POISONED, -42, FATAL, "an earlier write or sync failed; nothing more is acknowledged: reopen")    \
    X(E_READ_ONLY, -43, CALLER, "the store was opened for reading only")                                  \
    X(E_WORK_LIMIT, -44, TRANSIENT, "the work limit was reached; call again to go on from there")         \
    X(E_SIGNATURE, -45, DAMAGED, "a signature does not check")                                            \
    X(E_UNKNOWN_KEY, -46, CONFLICT, "no key that is believed has signed it")                              \
    X(E_ORIGIN, -47, CONFLICT, "it belongs to another log")                                               \
    X(E_KEY, -48, CALLER, "the text is no key, or a key for something else")                              \
    X(E_PROOF, -49, DAMAGED, "the proof does not prove it")                                               \
    X(E_ROLLBACK, -50, FATAL, "the history does not extend what was signed or remembered")                \
    X(E_UNSIGNED, -51, FATAL, "the policy requires a signing key")

/* The enum exists for its constants only. */
enum tally_status_code {
#define TALLY_STATUS_ENUM(symbol, code, class_, message) TALLY_##symbol = (code),
    TALLY_STATUS_LIST(TALLY_STATUS_ENUM)
#undef TALLY_STATUS_ENUM
};

/**
 * Detail of one failure. Fixed size, self-contained, owns nothing: copy it, keep it, drop it.
 *
 * `status` is always set, to TALLY_OK on success; the other members mean something only when it is
 * not TALLY_OK. The texts are NUL-terminated UTF-8 and cut at a character boundary. An error never
 * contains event data or key bytes.
 */
typedef struct tally_error {
    tally_status status;
    int32_t os_error;  /**< errno or its equivalent, 0 when no system call failed */
    uint64_t position; /**< position, offset or index of what is meant; TALLY_POSITION_NONE if none */
    char message[256]; /**< what failed, why, and what to try */
    char path[512];    /**< the file that is meant, or "" */
} tally_error;

/** The value of tally_error.position when there is none: the largest number, which no position reaches. */
#define TALLY_POSITION_NONE UINT64_MAX

/**
 * The symbol of a status, such as "TALLY_E_CLOSED"; "TALLY_E_UNKNOWN" for a number that is none.
 * Static, never freed.
 */
TALLY_API const char *tally_status_name(tally_status status);

/** One English sentence for a status, without a full stop; static, never freed. */
TALLY_API const char *tally_status_message(tally_status status);

/** The handling class of a status; TALLY_CLASS_BUG for a number that is none. */
TALLY_API tally_status_class tally_status_class_of(tally_status status);

/**
 * Walks the list, so that a binding builds its exception table from it.
 *
 * @param index   from 0
 * @param status  receives the code
 * @return TALLY_OK; TALLY_E_RANGE behind the last one; TALLY_E_NULL when `status` is NULL
 */
TALLY_API tally_status tally_status_at(size_t index, tally_status *status);

#endif
