/* base/text.c on any bytes: the checks agree with each other and with a copy. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Kept in a release build too. */
static void holds(int condition)
{
    if (!condition) abort();
}

/* All that is accepted is copied as it is; a first wrong byte is where the check said. */
static void compare_with_copy(const char *text, size_t length, tally_status status, const tally_error *error)
{
    char *copy = malloc(length + 1);
    if (copy == NULL) return;
    holds(tally_text_copy(copy, length + 1, text, length) == length);
    holds(copy[length] == '\0');
    size_t same = 0;
    while (same < length && copy[same] == text[same]) same++;
    holds(same == (status == TALLY_OK ? length : (size_t)error->position));
    holds(tally_text_check(copy, length, 0, length, "copy", NULL) == TALLY_OK);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    tally_error error = {0};
    tally_error name_error = {0};
    tally_status status = tally_text_check(text, size, 0, SIZE_MAX, "text", &error);
    tally_status name = tally_name_check(text, size, 0, SIZE_MAX, "name", &name_error);
    holds(status == TALLY_OK || status == TALLY_E_UTF8 || status == TALLY_E_NUL);
    holds(status == error.status);
    holds(name == status || name == TALLY_E_NAME);
    holds(name != TALLY_E_NAME || status == TALLY_OK || name_error.position < error.position);
    if (size > 0) compare_with_copy(text, size, status, &error);
    char small[8];
    size_t written = tally_text_copy(small, sizeof small, text, size);
    holds(written < sizeof small && strlen(small) == written);
    holds(tally_text_check(small, written, 0, sizeof small, "small", NULL) == TALLY_OK);
    return 0;
}
