/* The golden vectors of proofs, tests/vectors/proof.json, for the tests of csrc/proof. */
#ifndef TALLY_TEST_PROOFS_H
#define TALLY_TEST_PROOFS_H

#include <tallystick/proof.h>

#include "json.h"
#include "test.h"

static json_file vectors_file;
static tally_error error;

static const json *vectors(const char *section)
{
    static json *all;
    if (all == NULL) all = json_open(&vectors_file, "tests/vectors/proof.json");
    return json_get(all, section);
}

__attribute__((destructor)) static void vectors_close(void) { json_close(&vectors_file); }

/* Says which case it was; the check itself says what. */
__attribute__((unused)) static void expect(const json *row, tally_status is)
{
    const char *wanted = json_get(row, "status")->text;
    const char *found = tally_status_name(is) + 6;
    const json *name = json_find(row, "name");
    (void)test_check(strcmp(found, wanted) == 0, __LINE__, "\"%s\" is %s, should be %s: %s",
                     name == NULL ? "?" : name->text, found, wanted, is == TALLY_OK ? "" : error.message);
}

/* A text in memory that has not a byte too many. */
__attribute__((unused)) static char *exactly(const void *bytes, size_t length)
{
    char *copy = malloc(length == 0 ? 1 : length);
    if (copy == NULL) abort();
    if (length != 0) memcpy(copy, bytes, length);
    return copy;
}

typedef struct texts {
    tally_text items[80];
    size_t count;
} texts;

__attribute__((unused)) static void texts_of(const json *row, const char *key, texts *to)
{
    const json *list = json_find(row, key);
    to->count = 0;
    for (const json *item = list == NULL ? NULL : list->first; item != NULL; item = item->next)
        to->items[to->count++] = (tally_text){item->text, item->length};
}

typedef struct asking {
    texts keys, witnesses;
    tally_policy policy;
} asking;

__attribute__((unused)) static void policy_of(const json *row, asking *to)
{
    texts_of(row, "keys", &to->keys);
    texts_of(row, "witnesses", &to->witnesses);
    to->policy = (tally_policy){.size = sizeof to->policy,
                                .keys = to->keys.items,
                                .key_count = to->keys.count,
                                .witnesses = to->witnesses.items,
                                .witness_count = to->witnesses.count,
                                .witnesses_needed = (size_t)json_number(row, "needed"),
                                .origin = json_text(row, "origin")};
}

__attribute__((unused)) static size_t hashes_of(const json *row, const char *key, tally_hash *hashes, size_t capacity)
{
    size_t count = 0;
    for (const json *item = json_get(row, key)->first; item != NULL; item = item->next) {
        if (count == capacity) json_die("more hashes than room");
        (void)json_bytes(item->text, hashes[count++].bytes, 32);
    }
    return count;
}

__attribute__((unused)) static tally_text text_of(const char *bytes) { return (tally_text){bytes, strlen(bytes)}; }

__attribute__((unused)) static const char *signer(const char *name, const char *key)
{
    return json_get(json_get(vectors("signers"), name), key)->text;
}

#endif
