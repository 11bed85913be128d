/**
 * @file base.h
 * @brief What every other header stands on: version, visibility, limits.
 *
 * tallystick is one C library with thin bindings. The rules that hold for *every* function of
 * *every* header are written here once; a header only says where it differs.
 *
 * Shape. Functions are called `tally_<noun>_<verb>`. Objects are opaque handles. A function that
 * can fail returns `tally_status` (see status.h): 0 is success, errors are negative. Most take a
 * last parameter `tally_error *error` that may be NULL.
 *
 * Threads. Every function may be called from any thread at any time, unless its text says
 * otherwise. No lock is held while a callback runs. Nothing is async-signal-safe.
 *
 * Out-parameters. They are set to zero at entry and stay zero on every failing path, except
 * in/out lengths and the `size` member of a struct. Passing NULL for an out-parameter is allowed
 * only where the text says "may be NULL"; otherwise it is TALLY_E_NULL.
 *
 * Option structs. They begin with `size_t size`, set by the caller to `sizeof` of the struct it
 * was compiled with. Zero in any other member means the documented default, and a NULL pointer to
 * options means "all defaults". A size that is smaller than the first version's or larger than
 * TALLY_STRUCT_SIZE_MAX is refused unread; a newer, larger struct is accepted when the part that
 * this library does not know is all zero.
 *
 * Text. A text is a pointer and a length in bytes, UTF-8, without a terminating NUL; it is checked,
 * and an interior NUL has its own error. A length above PTRDIFF_MAX (a sign-extended -1) is
 * refused. A NULL pointer with length 0 is the empty text; NULL with more is TALLY_E_NULL.
 *
 * Forbidden everywhere: `longjmp`, `pthread_exit` and foreign exceptions through a function of
 * this library; `vfork` and raw `clone` in a process that uses it. A child of `fork` is supported.
 *
 * The library never aborts, exits, prints, installs signal handlers or changes the locale, and it
 * leaves no thread behind after the last close. It is linked so that it is never unloaded.
 */
#ifndef TALLYSTICK_BASE_H
#define TALLYSTICK_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define TALLY_EXTERN extern "C"
#else
#define TALLY_EXTERN extern
#endif

/* TALLY_STATIC is defined by who links the archive (the extensions do); the symbols stay hidden. */
#if defined(TALLY_STATIC)
#define TALLY_API TALLY_EXTERN
#elif defined(_WIN32)
#if defined(TALLY_BUILD)
#define TALLY_API TALLY_EXTERN __declspec(dllexport)
#else
#define TALLY_API TALLY_EXTERN __declspec(dllimport)
#endif
#else
#define TALLY_API TALLY_EXTERN __attribute__((visibility("default")))
#endif

/** The version of the header. `tally_version` gives that of the library that is loaded. */
#define TALLY_VERSION_MAJOR 0
#define TALLY_VERSION_MINOR 1
#define TALLY_VERSION_PATCH 0
#define TALLY_VERSION_TEXT "0.1.0"
/** major * 1 000 000 + minor * 1 000 + patch. */
#define TALLY_VERSION (TALLY_VERSION_MAJOR * 1000000 + TALLY_VERSION_MINOR * 1000 + TALLY_VERSION_PATCH)

/** Largest `size` that an option struct may declare, in bytes. */
#define TALLY_STRUCT_SIZE_MAX 4096
/** A timeout in milliseconds that never ends. 0 is a timeout too: look once, do not wait. */
#define TALLY_WAIT_FOREVER UINT32_MAX

/** @return TALLY_VERSION of the loaded library. Compare it with the macro to see a mismatch. */
TALLY_API uint32_t tally_version(void);
/** @return TALLY_VERSION_TEXT of the loaded library; static, never freed. */
TALLY_API const char *tally_version_text(void);

/**
 * The generation of the slot that a handle points to, or 0 when the pointer is no handle.
 *
 * A handle is a pointer into memory that is never given back, so a stale one is never a crash; but
 * after a close the slot may one day be used by a new object. A binding keeps the generation that
 * it read after opening and compares it, so that a stale handle cannot act on a stranger.
 *
 * @param handle  any pointer at all; it is tested, not followed
 */
TALLY_API uint32_t tally_handle_generation(const void *handle);

/**
 * The number of objects that are open in this process, of all kinds; tests assert 0 at their end.
 */
TALLY_API size_t tally_handle_count(void);

#endif
