#include "proof/key.h"

#include <string.h>

#include <sodium.h>
#include <tallystick/proof.h>

#include "base/error.h"
#include "base/text.h"
#include "proof/sha256.h"

static const char private_prefix[] = "PRIVATE+KEY+";

void tally_key_id(tally_text name, uint8_t algorithm, const uint8_t key[32], uint8_t id[TALLY_KEY_ID_PREFIX])
{
    uint8_t between[2] = {'\n', algorithm}, digest[TALLY_SHA256_BYTES];
    tally_sha256 hash;
    tally_sha256_init(&hash);
    tally_sha256_update(&hash, name.bytes, name.length);
    tally_sha256_update(&hash, between, sizeof between);
    tally_sha256_update(&hash, key, 32);
    tally_sha256_final(&hash, digest);
    memcpy(id, digest, TALLY_KEY_ID_PREFIX);
}

/* White_Space of Unicode beyond ASCII: U+0085, 00A0, 1680, 2000-200A, 2028, 2029, 202F, 205F, 3000. */
static bool is_space(const char *at, size_t length)
{
    static const char *const spaces[] = {" ",
                                         "\xC2\x85",
                                         "\xC2\xA0",
                                         "\xE1\x9A\x80",
                                         "\xE2\x80\xA8",
                                         "\xE2\x80\xA9",
                                         "\xE2\x80\xAF",
                                         "\xE2\x81\x9F",
                                         "\xE3\x80\x80"};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (strlen(spaces[i]) == length && memcmp(at, spaces[i], length) == 0) return true;
    return length == 3 && memcmp(at, "\xE2\x80", 2) == 0 && (uint8_t)at[2] >= 0x80 && (uint8_t)at[2] <= 0x8A;
}

/* The index of the first character that no name may have, or the length. */
static size_t first_wrong(tally_text name)
{
    for (size_t at = 0; at < name.length;) {
        size_t length = tally_text_character(name.bytes + at, name.length - at);
        if (length == 0 || (uint8_t)name.bytes[at] < 0x20 || name.bytes[at] == '+' || is_space(name.bytes + at, length))
            return at;
        at += length;
    }
    return name.length;
}

bool tally_key_name_is_plain(tally_text name) { return name.length != 0 && first_wrong(name) == name.length; }

tally_status tally_key_name_check(tally_text name, tally_error *error)
{
    tally_status status = tally_name_check(name.bytes, name.length, 1, TALLY_ORIGIN_MAX, "the name of a key", error);
    if (status != TALLY_OK) return status;
    size_t wrong = first_wrong(name);
    if (wrong == name.length) return TALLY_OK;
    return tally_fail_at(error, TALLY_E_NAME, wrong, "the name of a key may contain neither '+' nor spaces");
}

static bool split_at_plus(tally_text text, tally_text *before, tally_text *after)
{
    const char *plus = text.length == 0 ? NULL : memchr(text.bytes, '+', text.length);
    if (plus == NULL) return false;
    *before = (tally_text){text.bytes, (size_t)(plus - text.bytes)};
    *after = (tally_text){plus + 1, text.length - before->length - 1};
    return true;
}

/* "<name>+<8 hex>+<base64 of algorithm and 32 bytes>" */
static bool read_parts(tally_text text, tally_text *name, uint8_t id[TALLY_KEY_ID_PREFIX], uint8_t bytes[33])
{
    tally_text rest, hex, base64;
    if (!split_at_plus(text, name, &rest) || !split_at_plus(rest, &hex, &base64)) return false;
    size_t length = 0;
    if (hex.length != 8 || sodium_hex2bin(id, TALLY_KEY_ID_PREFIX, hex.bytes, 8, NULL, &length, NULL) != 0)
        return false;
    for (size_t i = 0; i < 8; i++)
        if (hex.bytes[i] >= 'A' && hex.bytes[i] <= 'F') return false; /* one spelling */
    return length == TALLY_KEY_ID_PREFIX && tally_base64_read(base64, bytes, 33, &length) && length == 33;
}

tally_status tally_public_key_read(tally_text vkey, tally_public_key *key, tally_error *error)
{
    memset(key, 0, sizeof *key);
    uint8_t bytes[33], id[TALLY_KEY_ID_PREFIX];
    if (vkey.bytes == NULL && vkey.length != 0) return tally_fail(error, TALLY_E_NULL, "the text of a key is NULL");
    if (!read_parts(vkey, &key->name, key->id, bytes) || tally_key_name_check(key->name, NULL) != TALLY_OK)
        return tally_fail(error, TALLY_E_KEY, "this is no public key of the form <name>+<8 hex digits>+<base64>");
    key->algorithm = bytes[0];
    memcpy(key->bytes, bytes + 1, 32);
    if (key->algorithm != TALLY_KEY_ED25519 && key->algorithm != TALLY_KEY_COSIGNATURE)
        return tally_fail(error, TALLY_E_KEY, "keys of type %u are not known; Ed25519 (1) and cosignature/v1 (4) are",
                          key->algorithm);
    tally_key_id(key->name, key->algorithm, key->bytes, id);
    if (sodium_memcmp(id, key->id, sizeof id) != 0)
        return tally_fail(error, TALLY_E_KEY, "name, digits and key of this public key do not belong together");
    if (crypto_core_ed25519_is_valid_point(key->bytes) != 1)
        return tally_fail(error, TALLY_E_KEY, "this public key is no Ed25519 key, or one by which anybody can sign");
    return TALLY_OK;
}

static tally_status write_text(tally_text name, const uint8_t id[TALLY_KEY_ID_PREFIX], const uint8_t bytes[33],
                               const char *prefix, char text[TALLY_KEY_TEXT_BYTES], tally_error *error)
{
    char hex[2 * TALLY_KEY_ID_PREFIX + 1];
    tally_lines_writer writer = tally_lines_into(text, TALLY_KEY_TEXT_BYTES);
    tally_lines_put_text(&writer, prefix);
    tally_lines_put(&writer, name.bytes, name.length);
    tally_lines_put_text(&writer, "+");
    tally_lines_put_text(&writer, sodium_bin2hex(hex, sizeof hex, id, TALLY_KEY_ID_PREFIX));
    tally_lines_put_text(&writer, "+");
    tally_lines_put_base64(&writer, bytes, 33);
    tally_lines_put(&writer, "", 1);
    return tally_lines_done(&writer, NULL, error);
}

tally_status tally_public_key_write(const tally_public_key *key, char text[TALLY_KEY_TEXT_BYTES], tally_error *error)
{
    uint8_t bytes[33] = {key->algorithm};
    memcpy(bytes + 1, key->bytes, 32);
    return write_text(key->name, key->id, bytes, "", text, error);
}

/* The text of a file ends with a newline, mostly. */
static tally_text without_newline(tally_text text)
{
    if (text.length != 0 && text.bytes[text.length - 1] == '\n') text.length--;
    if (text.length != 0 && text.bytes[text.length - 1] == '\r') text.length--;
    return text;
}

static bool read_private_parts(tally_text text, tally_public_key *half, uint8_t bytes[33])
{
    const size_t prefix = sizeof private_prefix - 1;
    if (text.length <= prefix || memcmp(text.bytes, private_prefix, prefix) != 0) return false;
    tally_text rest = {text.bytes + prefix, text.length - prefix};
    return read_parts(rest, &half->name, half->id, bytes) && tally_key_name_check(half->name, NULL) == TALLY_OK;
}

tally_status tally_private_key_read(tally_text skey, tally_private_key *key, tally_error *error)
{
    memset(key, 0, sizeof *key);
    if (skey.bytes == NULL && skey.length != 0) return tally_fail(error, TALLY_E_NULL, "the text of a key is NULL");
    uint8_t bytes[33], id[TALLY_KEY_ID_PREFIX];
    tally_public_key *half = &key->public_key;
    tally_status status = TALLY_OK;
    if (!read_private_parts(without_newline(skey), half, bytes)) {
        status = tally_fail(error, TALLY_E_KEY, "this is no private key of the form PRIVATE+KEY+<name>+<id>+<base64>");
    } else if (bytes[0] != TALLY_KEY_ED25519 && bytes[0] != TALLY_KEY_COSIGNATURE) {
        status = tally_fail(error, TALLY_E_KEY, "private keys of type %u are not known", bytes[0]);
    } else {
        half->algorithm = bytes[0];
        (void)crypto_sign_seed_keypair(half->bytes, key->secret, bytes + 1);
        tally_key_id(half->name, half->algorithm, half->bytes, id);
        if (sodium_memcmp(id, half->id, sizeof id) != 0)
            status = tally_fail(error, TALLY_E_KEY, "name, digits and key of this private key do not belong together");
    }
    sodium_memzero(bytes, sizeof bytes);
    if (status != TALLY_OK) sodium_memzero(key, sizeof *key);
    return status;
}

static tally_status make(const tally_platform *platform, tally_text name, uint8_t algorithm,
                         char skey[TALLY_KEY_TEXT_BYTES], char vkey[TALLY_KEY_TEXT_BYTES], tally_error *error)
{
    uint8_t bytes[33] = {algorithm}, secret[64];
    tally_public_key key = {.name = name, .algorithm = algorithm};
    int32_t os_error = 0;
    tally_status status = platform->random_bytes(platform->context, bytes + 1, 32, &os_error);
    if (status != TALLY_OK) return tally_fail_os(error, status, os_error, NULL, "no random bytes for a key");
    (void)crypto_sign_seed_keypair(key.bytes, secret, bytes + 1);
    tally_key_id(name, algorithm, key.bytes, key.id);
    status = write_text(name, key.id, bytes, private_prefix, skey, error);
    if (status == TALLY_OK) status = tally_public_key_write(&key, vkey, error);
    sodium_memzero(bytes, sizeof bytes);
    sodium_memzero(secret, sizeof secret);
    return status;
}

tally_status tally_key_make(const tally_platform *platform, tally_text name, uint32_t kind,
                            char skey[TALLY_KEY_TEXT_BYTES], char vkey[TALLY_KEY_TEXT_BYTES], tally_error *error)
{
    tally_error_clear(error);
    if (skey != NULL) memset(skey, 0, TALLY_KEY_TEXT_BYTES);
    if (vkey != NULL) memset(vkey, 0, TALLY_KEY_TEXT_BYTES);
    if (skey == NULL || vkey == NULL) return tally_fail(error, TALLY_E_NULL, "room for both keys is needed");
    if (kind != TALLY_KEY_OF_LOG && kind != TALLY_KEY_OF_WITNESS)
        return tally_fail(error, TALLY_E_OPTION, "a key is that of a log (0) or of a witness (1), not %u", kind);
    tally_status status = tally_key_name_check(name, error);
    if (status == TALLY_OK && platform != NULL) status = tally_platform_check(platform, error);
    if (status != TALLY_OK) return status;
    if (platform == NULL) platform = tally_platform_default();
    uint8_t algorithm = kind == TALLY_KEY_OF_LOG ? TALLY_KEY_ED25519 : TALLY_KEY_COSIGNATURE;
    status = make(platform, name, algorithm, skey, vkey, error);
    if (status == TALLY_OK) return TALLY_OK;
    sodium_memzero(skey, TALLY_KEY_TEXT_BYTES);
    sodium_memzero(vkey, TALLY_KEY_TEXT_BYTES);
    return status;
}

tally_status tally_key_public(tally_text skey, char vkey[TALLY_KEY_TEXT_BYTES], tally_error *error)
{
    tally_error_clear(error);
    if (vkey == NULL) return tally_fail(error, TALLY_E_NULL, "room for the public key is needed");
    memset(vkey, 0, TALLY_KEY_TEXT_BYTES);
    tally_private_key key;
    tally_status status = tally_private_key_read(skey, &key, error);
    if (status == TALLY_OK) status = tally_public_key_write(&key.public_key, vkey, error);
    sodium_memzero(&key, sizeof key);
    return status;
}
