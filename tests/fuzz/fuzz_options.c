/* base/options.c on any struct: what is accepted is exactly what was known, then zero. */
#include <stdlib.h>
#include <string.h>

#include "base/options.h"

#define KNOWN_BYTES 40
#define FIRST_BYTES 16

/* Kept in a release build too. */
static void holds(int condition)
{
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t known[KNOWN_BYTES / 8];
    static const unsigned char zero[KNOWN_BYTES];
    tally_error error;
    size_t declared;
    /* A caller's struct has at least its size member, and is as long as it says. */
    if (size < sizeof declared) return 0;
    memcpy(&declared, data, sizeof declared);
    if (declared <= TALLY_STRUCT_SIZE_MAX && declared > size) return 0;
    void *from = malloc(size);
    if (from == NULL) return 0;
    memcpy(from, data, size);
    tally_status status = tally_options_read(known, KNOWN_BYTES, FIRST_BYTES, from, "fuzz_options", &error);
    if (status == TALLY_OK) {
        size_t given = declared < KNOWN_BYTES ? declared : KNOWN_BYTES;
        size_t result;
        memcpy(&result, known, sizeof result);
        holds(result == KNOWN_BYTES);
        holds(memcmp((char *)known + sizeof result, data + sizeof result, given - sizeof result) == 0);
        holds(memcmp((char *)known + given, zero, KNOWN_BYTES - given) == 0);
        for (size_t i = KNOWN_BYTES; i < declared; i++) holds(data[i] == 0);
    } else {
        holds(status == TALLY_E_STRUCT_SIZE && error.status == status);
        holds(memcmp(known, zero, KNOWN_BYTES) == 0);
    }
    free(from);
    return 0;
}
