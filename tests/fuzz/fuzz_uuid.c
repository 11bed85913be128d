/* base/uuid.c: what is parsed prints as it was but for its case; ids made from any input rise. */
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"

/* Kept in a release build too. */
static void holds(int condition)
{
    if (!condition) abort();
}

static char lower(char c)
{
    if (c < 'A' || c > 'F') return c;
    return "abcdef"[c - 'A'];
}

static void parse(const char *text, size_t size)
{
    uint8_t id[TALLY_UUID_BYTES];
    char printed[TALLY_UUID_TEXT + 1];
    static const uint8_t zero[TALLY_UUID_BYTES];
    tally_error error;
    if (tally_uuid_parse(text, size, id, &error) == TALLY_OK) {
        holds(size == TALLY_UUID_TEXT);
        tally_uuid_print(id, printed);
        for (size_t i = 0; i < size; i++) holds(printed[i] == lower(text[i]));
    } else {
        holds(memcmp(id, zero, sizeof id) == 0);
        holds(error.position == TALLY_POSITION_NONE || error.position < size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse((const char *)data, size);
    tally_uuid_generator generator = {0};
    uint8_t before[TALLY_UUID_BYTES] = {0};
    /* 6 bytes of time and 10 of randomness a step */
    for (; size >= 16; data += 16, size -= 16) {
        uint8_t id[TALLY_UUID_BYTES];
        uint64_t now_ms = 0;
        memcpy(&now_ms, data, 6);
        if (tally_uuid_next(&generator, now_ms, data + 6, id, NULL) != TALLY_OK) break;
        holds(memcmp(before, id, sizeof id) < 0);
        holds(id[6] >> 4 == 7 && id[8] >> 6 == 2);
        memcpy(before, id, sizeof id);
    }
    return 0;
}
