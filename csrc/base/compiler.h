/* What compilers spell differently. */
#ifndef TALLY_BASE_COMPILER_H
#define TALLY_BASE_COMPILER_H

#define TALLY_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define TALLY_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
/* Kept out of line, so that the path that calls it stays short. */
#define TALLY_COLD __attribute__((noinline, cold))

/* On declarations of data: reached directly, not through a table of the loader. */
#if defined(_WIN32)
#define TALLY_HIDDEN
#else
#define TALLY_HIDDEN __attribute__((visibility("hidden")))
#endif

#define TALLY_NOINLINE __attribute__((noinline))

/* A thread-local of a library that is linked with -z nodelete may use the static TLS block: reading
 * it costs nothing, against 2.9 ns for the general model (docs/DECISIONS.md). -DTALLY_TLS_GENERAL is
 * for C libraries that refuse it to a library that is opened late. */
#if defined(TALLY_TLS_GENERAL) || defined(_WIN32)
#define TALLY_THREAD_LOCAL _Thread_local
#else
#define TALLY_THREAD_LOCAL __attribute__((tls_model("initial-exec"))) _Thread_local
#endif

#endif
