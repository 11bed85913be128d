/* The SHA-256 compression function by the SHA extensions of x86 processors. */
#ifndef TALLY_PROOF_SHA256_X86_H
#define TALLY_PROOF_SHA256_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this processor has SHA, SSSE3 and SSE4.1; false on every other architecture. */
bool tally_sha256_x86_is_available(void);

/* Compresses whole blocks of 64 bytes. Only where it is available. */
void tally_sha256_x86_blocks(uint32_t state[8], const uint8_t *blocks, size_t count);

/* The same of two messages side by side: little more than the time of one. */
void tally_sha256_x86_two(uint32_t first[8], const uint8_t *first_blocks, uint32_t second[8],
                          const uint8_t *second_blocks, size_t count);

#endif
