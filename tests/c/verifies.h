/* Short words for tests of verification. Include test.h and signs.h first. */
#ifndef TALLY_TEST_VERIFIES_H
#define TALLY_TEST_VERIFIES_H

#include <tallystick/tallystick.h>

#include "signs.h"

static tally_verify_report verified;
static tally_error verify_error;

__attribute__((unused)) static tally_verify_options verify_options(void)
{
    static tally_text key;
    key = text(sign_vkey);
    return (tally_verify_options){.size = sizeof(tally_verify_options),
                                  .threads = 1,
                                  .keys = sign_vkey[0] == '\0' ? NULL : &key,
                                  .key_count = sign_vkey[0] == '\0' ? 0 : 1,
                                  .platform = wrapped};
}

/* What the directory says. */
__attribute__((unused)) static const tally_verify_report *verify_with(const tally_verify_options *options)
{
    tally_status status = tally_verify("store", 5, options, &verified, &verify_error);
    if (status != TALLY_OK) printf("# verify: %s: %s\n", tally_status_name(status), verify_error.message);
    CHECK_STATUS(status, TALLY_OK);
    return &verified;
}

__attribute__((unused)) static const tally_verify_report *verify_now(void)
{
    tally_verify_options options = verify_options();
    return verify_with(&options);
}

/* The same with other numbers of threads; a reason is the same for all. */
__attribute__((unused)) static uint32_t verify_all_ways(uint32_t mode)
{
    static const uint32_t threads[] = {1, 2, 5, 16};
    tally_verify_report first = {.reason = 0};
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        tally_verify_options options = verify_options();
        options.mode = mode;
        options.threads = threads[i];
        (void)verify_with(&options);
        if (i == 0) first = verified;
        CHECK_EQ(verified.reason, first.reason);
        CHECK_EQ(verified.position, first.position);
        CHECK_EQ(verified.events, first.events);
        CHECK_EQ(verified.covered, first.covered);
        CHECK_EQ(verified.bytes, first.bytes);
        CHECK_EQ(verified.offset, first.offset);
        CHECK_TEXT(verified.message, first.message);
        CHECK_TEXT(verified.file, first.file);
        CHECK_BYTES(&verified.root, &first.root, sizeof first.root);
    }
    return verified.reason;
}

__attribute__((unused)) static void check_intact(uint64_t events)
{
    uint32_t reason = verify_all_ways(TALLY_VERIFY_FULL);
    if (reason != TALLY_REASON_NONE) printf("# %s: %s\n", tally_reason_name(reason), verified.message);
    CHECK_EQ(reason, TALLY_REASON_NONE);
    CHECK_EQ(verified.intact, 1);
    CHECK_EQ(verified.events, events);
    reason = verify_all_ways(TALLY_VERIFY_QUICK);
    if (reason != TALLY_REASON_NONE) printf("# quick: %s: %s\n", tally_reason_name(reason), verified.message);
    CHECK_EQ(reason, TALLY_REASON_NONE);
    CHECK_EQ(verified.events, events);
}

/* That an open store says the same of itself. */
__attribute__((unused)) static void check_open_intact(uint64_t events)
{
    tally_verify_options options = verify_options();
    options.threads = 2;
    tally_status status = tally_store_verify(store, &options, &verified, &verify_error);
    if (status != TALLY_OK) printf("# verify: %s\n", verify_error.message);
    CHECK_STATUS(status, TALLY_OK);
    if (verified.reason != TALLY_REASON_NONE)
        printf("# %s: %s\n", tally_reason_name(verified.reason), verified.message);
    CHECK_EQ(verified.intact, 1);
    CHECK_EQ(verified.events, events);
}

__attribute__((unused)) static void append_many(uint64_t from, uint64_t count)
{
    char data[64];
    char stream[32];
    static const tally_text tags[] = {{"k:even", 6}, {"k:odd", 5}};
    for (uint64_t i = from; i < from + count; i++) {
        (void)snprintf(data, sizeof data, "event %" PRIu64, i);
        (void)snprintf(stream, sizeof stream, "a/%" PRIu64 "/x.y", i % 7 + i / 500 * 3);
        tally_draft one = draft(stream, data);
        one.tags = &tags[i % 2];
        one.tag_count = 1;
        tally_append_options options = at_level(TALLY_BUFFERED);
        CHECK_STATUS(tally_store_append(store, &one, &options, NULL, NULL), TALLY_OK);
    }
    CHECK_STATUS(tally_store_sync(store, NULL), TALLY_OK);
}

#endif
