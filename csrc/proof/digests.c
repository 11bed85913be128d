#include "proof/digests.h"

#include <string.h>

#include "proof/sha256.h"
#include "proof/sha256_x86.h"

/* Longer messages are hashed alone: copying them would cost what is gained. */
#define BYTES_MAX 512u
#define BLOCKS_MAX ((BYTES_MAX + 9 + 63) / 64)

typedef struct message {
    uint32_t state[8];
    const uint8_t *next;
    size_t left; /* blocks */
    uint8_t *digest;
    uint8_t blocks[BLOCKS_MAX * 64];
} message;

static void copy(uint8_t *to, const void *from, size_t length)
{
    if (length != 0) memcpy(to, from, length);
}

/* The message with its padding, as blocks. */
static void prepare(message *at, const tally_digest_job *job)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    size_t length = 1 + job->first_length + job->second_length;
    uint64_t bits = (uint64_t)length * 8;
    at->left = (length + 9 + 63) / 64;
    at->next = at->blocks;
    at->digest = job->digest;
    memcpy(at->state, initial, sizeof initial);
    at->blocks[0] = (uint8_t)job->domain;
    copy(at->blocks + 1, job->first, job->first_length);
    copy(at->blocks + 1 + job->first_length, job->second, job->second_length);
    at->blocks[length] = 0x80;
    memset(at->blocks + length + 1, 0, at->left * 64 - length - 1);
    at->blocks[at->left * 64 - 2] = (uint8_t)(bits >> 8);
    at->blocks[at->left * 64 - 1] = (uint8_t)bits;
}

static void finish(const message *at)
{
    for (size_t i = 0; i < 8; i++) {
        uint32_t value = at->state[i];
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        value = __builtin_bswap32(value);
#endif
        memcpy(at->digest + 4 * i, &value, sizeof value);
    }
}

static void step(message *a, message *b)
{
    size_t count = a->left < b->left ? a->left : b->left;
    tally_sha256_x86_two(a->state, a->next, b->state, b->next, count);
    a->next += count * 64;
    a->left -= count;
    b->next += count * 64;
    b->left -= count;
}

/* Two lanes; who is done makes room for the next. */
static void run(message *messages, size_t count)
{
    message *a = &messages[0];
    message *b = count > 1 ? &messages[1] : NULL;
    size_t next = 2;
    while (a != NULL && b != NULL) {
        step(a, b);
        if (a->left == 0) a = next < count ? &messages[next++] : NULL;
        if (b->left == 0) b = next < count ? &messages[next++] : NULL;
    }
    message *rest = a != NULL ? a : b;
    if (rest != NULL) tally_sha256_x86_blocks(rest->state, rest->next, rest->left);
}

void tally_digest_jobs(const tally_digest_job *jobs, size_t count)
{
    message messages[TALLY_DIGEST_JOBS_MAX];
    size_t prepared = 0;
    bool accelerated = tally_sha256_is_accelerated();
    for (size_t i = 0; i < count; i++) {
        const tally_digest_job *job = &jobs[i];
        if (accelerated && job->first_length < BYTES_MAX && job->second_length < BYTES_MAX - job->first_length)
            prepare(&messages[prepared++], job);
        else
            tally_digest_two(TALLY_DIGEST_SHA256, job->domain, job->first, job->first_length, job->second,
                             job->second_length, job->digest);
    }
    if (prepared != 0) run(messages, prepared);
    for (size_t i = 0; i < prepared; i++) finish(&messages[i]);
}
