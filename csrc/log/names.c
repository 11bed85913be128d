#define __USE_MINGW_ANSI_STDIO 1 /* makes PRIu64 work on Windows; no effect elsewhere */

#include "log/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void tally_name_segment(uint64_t number, uint64_t generation, char name[TALLY_NAME_BYTES])
{
    (void)snprintf(name, TALLY_NAME_BYTES, "%08" PRIu64 ".%02" PRIu64 ".seg", number, generation);
}

void tally_name_run(uint64_t first, uint64_t last, char name[TALLY_NAME_BYTES])
{
    (void)snprintf(name, TALLY_NAME_BYTES, TALLY_NAME_RUNS "/%08" PRIu64 "-%08" PRIu64 ".run", first, last);
}

/* Reads decimal digits; returns what is behind them, NULL when there are none or too many for a number. */
static const char *read_number(const char *at, uint64_t *number)
{
    const char *start = at;
    *number = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (*number > (UINT64_MAX - digit) / 10) return NULL;
        *number = *number * 10 + digit;
    }
    return at == start ? NULL : at;
}

/* Two numbers with one character between them. What follows, and how many zeros lead, is left to the
 * comparison with the name that these numbers have: each file has one name. */
static bool read_two(const char *name, char between, uint64_t *first, uint64_t *second)
{
    const char *at = read_number(name, first);
    if (at == NULL || *at != between) return false;
    return read_number(at + 1, second) != NULL;
}

bool tally_name_is_segment(const char *name, uint64_t *number, uint64_t *generation)
{
    char same[TALLY_NAME_BYTES];
    uint64_t a, b;
    *number = *generation = 0;
    if (!read_two(name, '.', &a, &b)) return false;
    tally_name_segment(a, b, same);
    if (strcmp(name, same) != 0) return false;
    *number = a;
    *generation = b;
    return true;
}

bool tally_name_is_run(const char *name_in_runs, uint64_t *first, uint64_t *last)
{
    char same[TALLY_NAME_BYTES];
    uint64_t a, b;
    *first = *last = 0;
    if (!read_two(name_in_runs, '-', &a, &b) || a > b) return false;
    tally_name_run(a, b, same);
    if (strcmp(name_in_runs, same + sizeof TALLY_NAME_RUNS) != 0) return false;
    *first = a;
    *last = b;
    return true;
}
