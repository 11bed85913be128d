#include "proof/body.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

/* Offsets of docs/FORMAT.md, "Body". */
enum {
    AT_ID = 0,
    AT_CORRELATION = 16,
    AT_CAUSATION = 32,
    AT_SCHEMA = 48,
    AT_ENCODING = 52,
    AT_SEAL = 53,
    AT_TAG_COUNT = 54,
    AT_KEY_COUNT = 55,
    AT_PLAIN = 56,
    AT_STORED = 64,
    AT_DATA_DIGEST = 72,
    AT_STREAM_LENGTH = 104,
    AT_TYPE_LENGTH = 106,
    AT_CONTENT_TYPE_LENGTH = 108,
    AT_EXTENSIONS_LENGTH = 110
};

enum { EXTENSION_HEADER_BYTES = 4, IDEMPOTENCY_BYTES = 16, OCCURRED_BYTES = 8 };

/* ----------------------------------------------------------------------------------------- encode */

static size_t extensions_length(const tally_body_view *body)
{
    size_t length = 0;
    if (body->idempotency != NULL) length += EXTENSION_HEADER_BYTES + IDEMPOTENCY_BYTES;
    if (body->occurred != NULL) length += EXTENSION_HEADER_BYTES + OCCURRED_BYTES;
    return length;
}

size_t tally_body_length(const tally_body_view *body)
{
    bool fits = body->stream.length >= 1 && body->stream.length <= TALLY_STREAM_MAX && body->type.length >= 1 &&
                body->type.length <= TALLY_TYPE_MAX && body->content_type.length <= TALLY_CONTENT_TYPE_MAX &&
                body->tag_count <= TALLY_TAGS_MAX && body->key_count <= TALLY_KEYS_MAX;
    if (!fits) return 0;
    size_t length = TALLY_BODY_FIXED_BYTES + body->key_count * TALLY_KEY_ID_BYTES + body->stream.length +
                    body->type.length + body->content_type.length + extensions_length(body);
    for (uint32_t i = 0; i < body->tag_count; i++) {
        if (body->tags[i].length < 1 || body->tags[i].length > TALLY_TAG_MAX) return 0;
        length += 2 + body->tags[i].length;
    }
    return length;
}

static void write_text(tally_bytes_writer *out, tally_text text) { tally_bytes_write(out, text.bytes, text.length); }

static void write_extension(tally_bytes_writer *out, uint16_t tag, const uint8_t *bytes, uint16_t length)
{
    if (bytes == NULL) return;
    tally_bytes_write_u16(out, tag);
    tally_bytes_write_u16(out, length);
    tally_bytes_write(out, bytes, length);
}

bool tally_body_encode(const tally_body_view *body, uint8_t *bytes, size_t capacity)
{
    if (tally_body_length(body) == 0) return false;
    tally_bytes_writer out = tally_bytes_writer_over(bytes, capacity);
    tally_bytes_write(&out, body->id, TALLY_UUID_BYTES);
    tally_bytes_write(&out, body->correlation, TALLY_UUID_BYTES);
    tally_bytes_write(&out, body->causation, TALLY_UUID_BYTES);
    tally_bytes_write_u32(&out, body->schema_version);
    tally_bytes_write_u8(&out, 0); /* data_encoding: as is */
    tally_bytes_write_u8(&out, body->seal_algorithm);
    tally_bytes_write_u8(&out, (uint8_t)body->tag_count);
    tally_bytes_write_u8(&out, (uint8_t)body->key_count);
    tally_bytes_write_u64(&out, body->plain_length);
    tally_bytes_write_u64(&out, body->stored_length);
    tally_bytes_write(&out, body->data_digest, TALLY_DIGEST_BYTES);
    tally_bytes_write_u16(&out, (uint16_t)body->stream.length);
    tally_bytes_write_u16(&out, (uint16_t)body->type.length);
    tally_bytes_write_u16(&out, (uint16_t)body->content_type.length);
    tally_bytes_write_u16(&out, (uint16_t)extensions_length(body));
    tally_bytes_write(&out, body->key_ids, body->key_count * TALLY_KEY_ID_BYTES);
    write_text(&out, body->stream);
    write_text(&out, body->type);
    write_text(&out, body->content_type);
    for (uint32_t i = 0; i < body->tag_count; i++) {
        tally_bytes_write_u16(&out, (uint16_t)body->tags[i].length);
        write_text(&out, body->tags[i]);
    }
    write_extension(&out, TALLY_EXTENSION_IDEMPOTENCY, body->idempotency, IDEMPOTENCY_BYTES);
    write_extension(&out, TALLY_EXTENSION_OCCURRED, body->occurred, OCCURRED_BYTES);
    return !out.failed;
}

/* ----------------------------------------------------------------------------------------- decode */

static tally_status truncated(const tally_bytes_reader *in, const char *what, tally_error *error)
{
    return tally_fail_at(error, TALLY_E_TRUNCATED, tally_bytes_read_position(in), "the body ends inside its %s", what);
}

static tally_status read_text(tally_bytes_reader *in, size_t length, size_t min, size_t max, const char *what,
                              tally_text *text, tally_error *error)
{
    size_t start = tally_bytes_read_position(in);
    const char *bytes = (const char *)tally_bytes_read(in, length);
    if (bytes == NULL) return truncated(in, what, error);
    if (tally_name_check(bytes, length, min, max, what, NULL) != TALLY_OK) {
        return tally_fail_at(error, TALLY_E_DAMAGED, start, "the body's %s is not a name of %zu to %zu bytes", what,
                             min, max);
    }
    *text = (tally_text){bytes, length};
    return TALLY_OK;
}

static int compare_texts(tally_text a, tally_text b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = memcmp(a.bytes, b.bytes, common);
    if (order != 0) return order;
    return a.length < b.length ? -1 : a.length > b.length;
}

static tally_status read_tags(tally_bytes_reader *in, tally_body_view *body, tally_error *error)
{
    for (uint32_t i = 0; i < body->tag_count; i++) {
        size_t start = tally_bytes_read_position(in);
        uint16_t length = tally_bytes_read_u16(in);
        tally_status status = in->failed ? truncated(in, "tags", error) : TALLY_OK;
        if (status == TALLY_OK) status = read_text(in, length, 1, TALLY_TAG_MAX, "tag", &body->tags[i], error);
        if (status != TALLY_OK) return status;
        if (i > 0 && compare_texts(body->tags[i - 1], body->tags[i]) >= 0) {
            return tally_fail_at(error, TALLY_E_DAMAGED, start, "the body's tags are not sorted, or not unique");
        }
    }
    return TALLY_OK;
}

static tally_status take_extension(tally_body_view *body, uint16_t tag, const uint8_t *bytes, uint16_t length,
                                   size_t at, tally_error *error)
{
    size_t wanted = tag == TALLY_EXTENSION_IDEMPOTENCY ? IDEMPOTENCY_BYTES : OCCURRED_BYTES;
    if (tag == TALLY_EXTENSION_IDEMPOTENCY) body->idempotency = bytes;
    else if (tag == TALLY_EXTENSION_OCCURRED) body->occurred = bytes;
    else if (tag & TALLY_EXTENSION_MUST_UNDERSTAND) {
        return tally_fail_at(error, TALLY_E_FORMAT, at, "the body has extension 0x%x, which must be understood", tag);
    } else return TALLY_OK;
    if (length == wanted) return TALLY_OK;
    return tally_fail_at(error, TALLY_E_DAMAGED, at, "extension %u of the body has %u bytes instead of %zu", tag,
                         length, wanted);
}

static tally_status read_extensions(tally_bytes_reader *in, size_t length, tally_body_view *body, tally_error *error)
{
    const uint8_t *bytes = tally_bytes_read(in, length);
    if (bytes == NULL) return truncated(in, "extensions", error);
    size_t base = tally_bytes_read_position(in) - length;
    tally_bytes_reader each = tally_bytes_reader_over(bytes, length);
    uint32_t next_tag = 0;
    while (tally_bytes_read_left(&each) != 0) {
        size_t at = base + tally_bytes_read_position(&each);
        uint16_t tag = tally_bytes_read_u16(&each);
        uint16_t size = tally_bytes_read_u16(&each);
        const uint8_t *value = tally_bytes_read(&each, size);
        if (value == NULL || tag < next_tag) {
            return tally_fail_at(error, TALLY_E_DAMAGED, at, "the body's extensions are cut or not sorted");
        }
        next_tag = tag + 1u;
        tally_status status = take_extension(body, tag, value, size, at, error);
        if (status != TALLY_OK) return status;
    }
    return each.failed ? tally_fail_at(error, TALLY_E_DAMAGED, base, "the body's extensions are cut") : TALLY_OK;
}

/* Counts and lengths, before anything is read by them. */
static tally_status read_fixed(const uint8_t *bytes, tally_body_view *body, tally_error *error)
{
    body->id = bytes + AT_ID;
    body->correlation = bytes + AT_CORRELATION;
    body->causation = bytes + AT_CAUSATION;
    body->schema_version = tally_load_u32(bytes + AT_SCHEMA);
    body->seal_algorithm = bytes[AT_SEAL];
    body->tag_count = bytes[AT_TAG_COUNT];
    body->key_count = bytes[AT_KEY_COUNT];
    body->plain_length = tally_load_u64(bytes + AT_PLAIN);
    body->stored_length = tally_load_u64(bytes + AT_STORED);
    body->data_digest = bytes + AT_DATA_DIGEST;
    if (bytes[AT_ENCODING] != 0 || body->seal_algorithm > TALLY_SEAL_XCHACHA20_POLY1305) {
        return tally_fail_at(error, TALLY_E_FORMAT, AT_ENCODING, "the body has data encoding %u and seal %u",
                             bytes[AT_ENCODING], body->seal_algorithm);
    }
    if (body->tag_count > TALLY_TAGS_MAX || body->key_count > TALLY_KEYS_MAX) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_TAG_COUNT, "the body has %u tags and %u keys", body->tag_count,
                             body->key_count);
    }
    uint64_t overhead = body->seal_algorithm == TALLY_SEAL_NONE ? TALLY_SALT_BYTES : TALLY_SEAL_OVERHEAD;
    bool within = body->plain_length <= TALLY_DATA_MAX && body->stored_length == body->plain_length + overhead;
    if (!within) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_PLAIN, "the body's data lengths do not fit each other");
    }
    if (tally_load_u16(bytes + AT_EXTENSIONS_LENGTH) > TALLY_EXTENSIONS_MAX) {
        return tally_fail_at(error, TALLY_E_DAMAGED, AT_EXTENSIONS_LENGTH, "the body's extensions are too long");
    }
    return TALLY_OK;
}

static tally_status decode(const uint8_t *bytes, size_t length, tally_body_view *body, tally_error *error)
{
    tally_bytes_reader in = tally_bytes_reader_over(bytes, length);
    if (tally_bytes_read(&in, TALLY_BODY_FIXED_BYTES) == NULL) return truncated(&in, "fixed part", error);
    tally_status status = read_fixed(bytes, body, error);
    if (status != TALLY_OK) return status;
    body->key_ids = tally_bytes_read(&in, body->key_count * TALLY_KEY_ID_BYTES);
    if (body->key_ids == NULL) return truncated(&in, "key ids", error);
    status =
        read_text(&in, tally_load_u16(bytes + AT_STREAM_LENGTH), 1, TALLY_STREAM_MAX, "stream", &body->stream, error);
    if (status == TALLY_OK) {
        status = read_text(&in, tally_load_u16(bytes + AT_TYPE_LENGTH), 1, TALLY_TYPE_MAX, "type", &body->type, error);
    }
    if (status == TALLY_OK) {
        status = read_text(&in, tally_load_u16(bytes + AT_CONTENT_TYPE_LENGTH), 0, TALLY_CONTENT_TYPE_MAX,
                           "content type", &body->content_type, error);
    }
    if (status == TALLY_OK) status = read_tags(&in, body, error);
    if (status == TALLY_OK) {
        status = read_extensions(&in, tally_load_u16(bytes + AT_EXTENSIONS_LENGTH), body, error);
    }
    if (status != TALLY_OK) return status;
    if (!tally_bytes_read_complete(&in)) {
        return tally_fail_at(error, TALLY_E_DAMAGED, tally_bytes_read_position(&in),
                             "the body has bytes behind its end");
    }
    return TALLY_OK;
}

tally_status tally_body_decode(const uint8_t *bytes, size_t length, tally_body_view *body, tally_error *error)
{
    /* The tags are most of it; those behind the count mean nothing. */
    memset(body, 0, offsetof(tally_body_view, tags));
    body->idempotency = NULL;
    body->occurred = NULL;
    tally_status status = decode(bytes, length, body, error);
    if (status != TALLY_OK) memset(body, 0, sizeof *body);
    return status;
}
