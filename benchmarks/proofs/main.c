/* The C rows of the group `proofs`: the tree, heads and proofs of a large signed log. Prints one JSON object per line:
 * name, unit, samples of each contestant. Usage: proofs DIRECTORY [EVENTS] */
#define _GNU_SOURCE
#include "../c/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proof/core.h"
#include "verify.h"

#define BATCH 1000u
#define ROUNDS 7u
#define HEADS 40u
#define PROOFS 2000u
#define HASHED 1000000u

static char store_path[1024];
static char key_path[1024];
static char vkey[TALLY_KEY_TEXT_BYTES];
static char text[TALLY_PROOF_BYTES_MAX];

static void ok(tally_status status, const tally_error *error)
{
    if (status == TALLY_OK) return;
    (void)fprintf(stderr, "%s: %s\n", tally_status_name(status), error->message);
    stop("a store");
}

static tally_store *open_store(bool with_key)
{
    tally_error error;
    tally_store *store;
    tally_signing signing = {.size = sizeof signing, .key_path = {key_path, strlen(key_path)}};
    tally_store_options options = {.size = sizeof options, .signing = with_key ? &signing : NULL};
    ok(tally_store_open(store_path, strlen(store_path), &options, &store, &error), &error);
    return store;
}

static void append(tally_store *store, uint64_t first, uint32_t level)
{
    static tally_draft drafts[BATCH];
    static char streams[BATCH][24];
    tally_error error;
    tally_append_options options = {.size = sizeof options, .durability = level};
    for (uint64_t i = 0; i < BATCH; i++) {
        int length = snprintf(streams[i], sizeof streams[i], "account/%u", (unsigned)((first + i) % 1000));
        drafts[i] = (tally_draft){.size = sizeof drafts[i],
                                  .stream = {streams[i], (size_t)length},
                                  .type = {"order.paid", 10},
                                  .data = "12345678",
                                  .length = 8};
    }
    ok(tally_store_append_many(store, drafts, BATCH, &options, NULL, &error), &error);
}

static void make_key(tally_store *store)
{
    tally_error error;
    tally_signing_state state;
    char skey[TALLY_KEY_TEXT_BYTES];
    ok(tally_store_signing_get(store, &state, &error), &error);
    tally_text name = {state.origin, strlen(state.origin)};
    ok(tally_key_make(NULL, name, TALLY_KEY_OF_LOG, skey, vkey, &error), &error);
    const tally_platform *platform = tally_platform_default();
    tally_file file;
    size_t done;
    int32_t os_error;
    must(platform->open_file(platform->context, key_path, TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0600, &file,
                             &os_error) == TALLY_OK &&
             platform->write_at(platform->context, file, skey, strlen(skey), 0, &done, &os_error) == TALLY_OK &&
             platform->close_file(platform->context, file, &os_error) == TALLY_OK,
         "the key's file");
}

static void make_store(uint64_t events)
{
    tally_store *store = open_store(false);
    make_key(store);
    for (uint64_t first = 0; first < events; first += BATCH) append(store, first, TALLY_WRITTEN);
    (void)tally_store_close(&store);
}

static size_t checkpoint(tally_store *store)
{
    tally_error error;
    size_t length;
    ok(tally_store_checkpoint(store, text, sizeof text, &length, &error), &error);
    return length;
}

/* ------------------------------------------------------------------------------------------- rows */

/* Of this thread: what only computes is measured without what else the machine does. */
static uint64_t processor_ns(void)
{
    struct timespec now;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "the thread's clock");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The digests that a tree of so many leaves is made of, and nothing else. */
static double bare_digests(uint64_t events)
{
    uint8_t core[TALLY_CORE_BYTES] = {1, 1};
    uint8_t leaf[TALLY_DIGEST_BYTES];
    uint8_t node[TALLY_DIGEST_BYTES] = {0};
    uint64_t start = processor_ns();
    for (uint64_t i = 0; i < events; i++) {
        memcpy(core + 8, &i, sizeof i);
        tally_core_event_hash(core, leaf);
        tally_digest_node(node, leaf, node);
    }
    must(node[0] != 0 || node[1] != 0 || node[2] != 0, "digests");
    return (double)(processor_ns() - start) / (double)events;
}

static void bench_tree(uint64_t events)
{
    double spent[ROUNDS], digests[ROUNDS];
    uint64_t bare_events = events < HASHED ? events : HASHED;
    for (size_t round = 0; round < ROUNDS; round++) {
        tally_store *store = open_store(false); /* unsigned: nothing of the tree is believed */
        uint64_t start = processor_ns();
        (void)checkpoint(store);
        spent[round] = (double)(processor_ns() - start) / (double)events;
        (void)tally_store_close(&store);
        digests[round] = bare_digests(bare_events);
    }
    samples_begin("tree/hashing, per event", "ns");
    samples_add("ours", spent, ROUNDS);
    samples_add("bare digests", digests, ROUNDS);
    samples_end();
}

/* What no head can do without: the digests of the new events, and one write and sync of 512 bytes. */
static double bare_head(const tally_platform *platform, tally_file file)
{
    uint8_t sector[512] = {1};
    size_t done;
    int32_t os_error;
    uint64_t start = now_ns();
    (void)bare_digests(BATCH);
    must(platform->write_at(platform->context, file, sector, sizeof sector, 0, &done, &os_error) == TALLY_OK &&
             platform->sync_data(platform->context, file, &os_error) == TALLY_OK,
         "a bare write");
    return (double)(now_ns() - start) / 1e6;
}

static void bench_heads(tally_store *store, uint64_t events)
{
    double spent[HEADS], least[HEADS];
    char path[1100];
    tally_file file;
    int32_t os_error;
    const tally_platform *platform = tally_platform_default();
    (void)snprintf(path, sizeof path, "%s.bare", key_path);
    must(platform->open_file(platform->context, path, TALLY_OPEN_WRITE | TALLY_OPEN_CREATE, 0600, &file, &os_error) ==
             TALLY_OK,
         "a bare file");
    (void)checkpoint(store);
    for (uint64_t i = 0; i < HEADS; i++) {
        least[i] = bare_head(platform, file);
        platform->sleep_ns(platform->context, 50000000); /* heads come ten times a second, no more often */
        append(store, events + i * BATCH, TALLY_DURABLE);
        uint64_t start = now_ns();
        (void)checkpoint(store);
        spent[i] = (double)(now_ns() - start) / 1e6;
    }
    samples_begin("head/over 1000 new events", "ms");
    samples_add("ours", spent, HEADS);
    samples_add("bare digests, write and sync", least, HEADS);
    samples_end();
}

static void bench_proofs(tally_store *store, uint64_t events)
{
    static double made[PROOFS], checked[PROOFS], bytes[PROOFS];
    static char room[65536];
    tally_error error;
    tally_text key = {vkey, strlen(vkey)};
    tally_policy policy = {.size = sizeof policy, .keys = &key, .key_count = 1};
    uint64_t position = 12345;
    for (size_t i = 0; i < PROOFS; i++) {
        size_t length;
        tally_proven proven;
        position = (position * UINT64_C(6364136223846793005) + 1442695040888963407u);
        uint64_t start = now_ns();
        ok(tally_store_prove(store, (position >> 11) % events, text, sizeof text, &length, &error), &error);
        made[i] = (double)(now_ns() - start) / 1000;
        start = now_ns();
        ok(tally_proof_verify(text, length, NULL, 0, &policy, room, sizeof room, &proven, &error), &error);
        checked[i] = (double)(now_ns() - start) / 1000;
        const char *extra = memmem(text, length, "\nextra ", 7);
        must(extra != NULL, "the extra line");
        const char *behind = memchr(extra + 1, '\n', length - (size_t)(extra + 1 - text));
        bytes[i] = (double)length - (double)(behind - extra);
    }
    samples_begin("proof/make", "us");
    samples_add("ours", made, PROOFS);
    samples_end();
    samples_begin("proof/check", "us");
    samples_add("ours", checked, PROOFS);
    samples_end();
    samples_begin("proof/without extra", "B");
    samples_add("ours", bytes, PROOFS);
    samples_end();
}

int main(int count, char **arguments)
{
    must(count >= 2, "the command line");
    uint64_t events = count > 2 ? strtoull(arguments[2], NULL, 10) : 1000000;
    events = (events + BATCH - 1) / BATCH * BATCH;
    (void)snprintf(store_path, sizeof store_path, "%s/signed", arguments[1]);
    (void)snprintf(key_path, sizeof key_path, "%s/key", arguments[1]);
    make_store(events);
    bench_tree(events);
    tally_store *store = open_store(true);
    bench_heads(store, events);
    bench_proofs(store, events);
    (void)tally_store_close(&store);
    bench_verify(store_path, vkey);
    return 0;
}
