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

/* ----------------------------------------------------------------------------------- texts, hashes */

/* Keys are among them: a plain memset before free may be left out by the compiler. */
static void wipe(void *memory, size_t bytes)
{
    volatile unsigned char *at = memory;
    while (bytes-- != 0) *at++ = 0;
}

void texts_free(node_texts *texts)
{
    if (texts->memory != NULL) wipe(texts->memory, texts->bytes);
    free(texts->memory);
    free(texts->items);
    *texts = (node_texts){NULL, 0, NULL, 0};
}

static bool measure_texts(napi_env env, napi_value array, uint32_t count, size_t *bytes)
{
    *bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        napi_value element = NULL;
        void *memory = NULL;
        size_t length = 0;
        TRY_OR_FALSE(env, napi_get_element(env, array, i, &element));
        if (!shim_array(env, element, napi_uint8_array, &memory, &length)) return false;
        *bytes += length;
    }
    return true;
}

static bool fill_texts(napi_env env, napi_value array, node_texts *texts)
{
    char *at = texts->memory;
    for (uint32_t i = 0; i < texts->count; i++) {
        napi_value element = NULL;
        void *memory = NULL;
        size_t length = 0;
        TRY_OR_FALSE(env, napi_get_element(env, array, i, &element));
        if (!shim_array(env, element, napi_uint8_array, &memory, &length)) return false;
        if (length > texts->bytes - (size_t)(at - texts->memory)) {
            (void)shim_throw_text(env, TALLY_E_ARGUMENT, "a text has changed its length meanwhile");
            return false;
        }
        if (length != 0) memcpy(at, memory, length);
        texts->items[i] = (tally_text){at, length};
        at += length;
    }
    return true;
}

bool texts_copy(napi_env env, napi_value array, size_t least, node_texts *texts)
{
    uint32_t count = 0;
    size_t bytes = 0;
    *texts = (node_texts){NULL, 0, NULL, 0};
    TRY_OR_FALSE(env, napi_get_array_length(env, array, &count));
    if (count < least) {
        (void)shim_throw_text(env, TALLY_E_LENGTH, "too few texts");
        return false;
    }
    if (!measure_texts(env, array, count, &bytes)) return false;
    texts->memory = malloc(bytes + 1); /* never NULL, and an empty text still points somewhere */
    texts->items = malloc((count + 1) * sizeof *texts->items);
    texts->bytes = bytes;
    texts->count = count;
    bool done = texts->memory != NULL && texts->items != NULL;
    if (!done) (void)shim_throw_text(env, TALLY_E_NO_MEMORY, "no memory for texts");
    if (done) done = fill_texts(env, array, texts);
    if (!done) texts_free(texts);
    return done;
}

napi_value shim_hash(napi_env env, const tally_hash *hash)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * sizeof hash->bytes];
    for (size_t i = 0; i < sizeof hash->bytes; i++) {
        text[2 * i] = digits[hash->bytes[i] >> 4];
        text[2 * i + 1] = digits[hash->bytes[i] & 15];
    }
    return shim_text(env, text, sizeof text);
}

bool shim_get_hash(napi_env env, tally_text text, tally_hash *hash)
{
    if (text.length == sizeof hash->bytes) {
        memcpy(hash->bytes, text.bytes, sizeof hash->bytes);
        return true;
    }
    (void)shim_throw_text(env, TALLY_E_LENGTH, "a hash has 32 bytes");
    return false;
}

/* ------------------------------------------------------------------------------------------ packed */

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
