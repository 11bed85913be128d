#include "store.h"

#include <stdlib.h>
#include <string.h>

/* Values of the store's calls: counts that must not lose digits, texts of any length, packed arguments. */

napi_value shim_count(napi_env env, uint64_t number)
{
    if (number <= 9007199254740991ull) return shim_number(env, (double)number);
    return shim_throw_text(env, TALLY_E_OVERFLOW, "a position is beyond 2^53 - 1, which a number cannot hold");
}

bool shim_set_count(napi_env env, napi_value object, const char *name, uint64_t number)
{
    return shim_set(env, object, name, shim_count(env, number));
}

char *shim_copy_text(napi_env env, napi_value value, size_t *length)
{
    *length = 0;
    TRY(env, napi_get_value_string_utf8(env, value, NULL, 0, length));
    char *text = malloc(*length + 1);
    if (text == NULL) {
        (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for a text");
        return NULL;
    }
    napi_status status = napi_get_value_string_utf8(env, value, text, *length + 1, length);
    if (status == napi_ok) return text;
    free(text);
    shim_failed(env, status, "napi_get_value_string_utf8");
    return NULL;
}

uint32_t packed_word(node_packed *packed)
{
    if (packed->next_word < packed->word_count) return packed->words[packed->next_word++];
    packed->broken = true;
    return 0;
}

uint64_t packed_long(node_packed *packed)
{
    uint64_t low = packed_word(packed);
    return low | (uint64_t)packed_word(packed) << 32;
}

/* A word with the length, and as many bytes of the text. */
tally_text packed_text(node_packed *packed)
{
    size_t length = packed_word(packed);
    if (length > packed->text_length - packed->next_text) {
        packed->broken = true;
        return (tally_text){NULL, 0};
    }
    tally_text text = {packed->text + packed->next_text, length};
    packed->next_text += length;
    return text;
}

void packed_texts(node_packed *packed, tally_text *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) texts[i] = packed_text(packed);
}

tally_uuid packed_uuid(node_packed *packed)
{
    tally_uuid id;
    for (size_t i = 0; i < 4; i++) {
        uint32_t word = packed_word(packed);
        memcpy(id.bytes + 4 * i, &word, 4);
    }
    return id;
}

bool packed_is_whole(napi_env env, const node_packed *packed)
{
    if (!packed->broken && packed->next_word == packed->word_count && packed->next_text == packed->text_length) {
        return true;
    }
    (void)shim_throw_text(env, TALLY_E_PANIC, "packed arguments do not end where they should");
    return false;
}
