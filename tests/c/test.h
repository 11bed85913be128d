/* The test harness: one header, one program per test_*.c.
 *
 *     #include "test.h"
 *
 *     TEST(a_removed_handler_does_not_run_again)
 *     {
 *         CHECK_STATUS(tally_registry_unregister(registry, id, NULL, NULL), TALLY_OK);
 *         CHECK_EQ(calls, 1);
 *     }
 *
 * Test names are sentences; one behaviour each. The program runs them all in the order of the file,
 * prints `ok <name>` or `not ok <name>` for each and at the end `<program>: 12 passed, 0 failed`; its
 * exit code is 0 when none failed. Arguments choose the tests whose names contain one of them.
 *
 * CHECK… note a failure and go on; REQUIRE… leave the function (returning void) as well, where going
 * on would crash. All work on any thread. Values are evaluated once.
 *
 * When the program is linked with handles, a test that leaves one open has failed. */
#ifndef TALLY_TEST_H
#define TALLY_TEST_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tallystick/status.h>

/* So that its address is NULL in a program without handles. */
#pragma weak tally_handle_count

typedef struct test_case {
    struct test_case *next;
    const char *name;
    int line;
    void (*run)(void);
} test_case;

/* A loop that fails in every round says so a few times. */
#define TEST_PROBLEMS_SHOWN 12u

static test_case *test_first;
static _Atomic(uint32_t) test_problems; /* of the test that runs */

/* Sorted by line: nothing promises that constructors run in the order of the file. */
static void test_add(test_case *added)
{
    test_case **link = &test_first;
    while (*link != NULL && (*link)->line < added->line) link = &(*link)->next;
    added->next = *link;
    *link = added;
}

#define TEST(name)                                                 \
    static void name(void);                                        \
    __attribute__((constructor)) static void test_add_##name(void) \
    {                                                              \
        static test_case added = {NULL, #name, __LINE__, name};    \
        test_add(&added);                                          \
    }                                                              \
    static void name(void)

/* ----------------------------------------------------------------------------------------- checks */

__attribute__((format(printf, 3, 4), unused)) static bool test_check(bool holds, int line, const char *format, ...)
{
    va_list arguments;
    if (holds) return true;
    if (atomic_fetch_add(&test_problems, 1) >= TEST_PROBLEMS_SHOWN) return false;
    printf("#   line %d: ", line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    return false;
}

__attribute__((unused)) static bool test_eq(uint64_t is, uint64_t wanted, const char *text, int line)
{
    return test_check(is == wanted, line, "%s is %" PRId64 " (0x%" PRIx64 "), should be %" PRId64 " (0x%" PRIx64 ")",
                      text, (int64_t)is, is, (int64_t)wanted, wanted);
}

__attribute__((unused)) static bool test_status(tally_status is, tally_status wanted, const char *text, int line)
{
    return test_check(is == wanted, line, "%s is %s, should be %s", text, tally_status_name(is),
                      tally_status_name(wanted));
}

__attribute__((unused)) static bool test_text(const char *is, const char *wanted, const char *text, int line)
{
    bool same = is == wanted || (is != NULL && wanted != NULL && strcmp(is, wanted) == 0);
    return test_check(same, line, "%s is \"%s\", should be \"%s\"", text, is == NULL ? "(NULL)" : is,
                      wanted == NULL ? "(NULL)" : wanted);
}

__attribute__((unused)) static bool test_bytes(const void *is, const void *wanted, size_t length, const char *text,
                                               int line)
{
    for (size_t i = 0; i < length; i++) {
        unsigned a = ((const unsigned char *)is)[i]; /* NOLINT(clang-analyzer-core.uninitialized.Assign) */
        unsigned b = ((const unsigned char *)wanted)[i];
        if (a != b) return test_check(false, line, "%s differs at byte %zu: 0x%02X, should be 0x%02X", text, i, a, b);
    }
    return true;
}

#define CHECK(condition) ((void)test_check((condition), __LINE__, "not true: %s", #condition))
/* Numbers of any integer type. */
#define CHECK_EQ(is, wanted) ((void)test_eq((uint64_t)(is), (uint64_t)(wanted), #is, __LINE__))
#define CHECK_STATUS(is, wanted) ((void)test_status((is), (wanted), #is, __LINE__))
/* NUL-terminated texts; NULL equals NULL. */
#define CHECK_TEXT(is, wanted) ((void)test_text((is), (wanted), #is, __LINE__))
#define CHECK_BYTES(is, wanted, length) ((void)test_bytes((is), (wanted), (length), #is, __LINE__))
/* The message of a tally_error contains a word. */
#define CHECK_SAYS(error, word)                                                                                    \
    ((void)test_check(strstr((error).message, (word)) != NULL, __LINE__, "the message \"%s\" does not say \"%s\"", \
                      (error).message, (word)))
#define REQUIRE(condition)                                                          \
    do {                                                                            \
        if (!test_check((condition), __LINE__, "not true: %s", #condition)) return; \
    } while (0)
#define REQUIRE_STATUS(is, wanted)                               \
    do {                                                         \
        if (!test_status((is), (wanted), #is, __LINE__)) return; \
    } while (0)

/* Whether a check of the running test has failed: to stop a long loop at its first failure. */
__attribute__((unused)) static bool test_has_failed(void) { return atomic_load(&test_problems) > 0; }

/* -------------------------------------------------------------------------------------------- main */

static bool test_is_chosen(const test_case *test, int count, char **words)
{
    for (int i = 1; i < count; i++) {
        if (strstr(test->name, words[i]) != NULL) return true;
    }
    return count <= 1;
}

int main(int argument_count, char **arguments)
{
    uint32_t passed = 0;
    uint32_t failed = 0;
    const char *slash = strrchr(arguments[0], '/');
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* so that a crash does not swallow what came before it */
    for (const test_case *test = test_first; test != NULL; test = test->next) {
        if (!test_is_chosen(test, argument_count, arguments)) continue;
        atomic_store(&test_problems, 0);
        size_t handles = tally_handle_count != NULL ? tally_handle_count() : 0;
        test->run();
        if (tally_handle_count != NULL) {
            (void)test_check(tally_handle_count() == handles, test->line, "%zu handles were open before, %zu are now",
                             handles, tally_handle_count());
        }
        bool good = atomic_load(&test_problems) == 0;
        printf("%s %s\n", good ? "ok" : "not ok", test->name);
        if (good) passed++;
        else failed++;
    }
    if (tally_handle_count != NULL && tally_handle_count() != 0) {
        printf("not ok all handles are closed at the end: %zu are open\n", tally_handle_count());
        failed++;
    }
    printf("%s: %" PRIu32 " passed, %" PRIu32 " failed\n", slash == NULL ? arguments[0] : slash + 1, passed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
