#include "store/draft.h"

#include <stdio.h>
#include <string.h>

#include <tallystick/reader.h>

#include "base/error.h"
#include "base/options.h"
#include "base/text.h"

/* ----------------------------------------------------------------------------------------- drafts */

tally_status tally_draft_at(const tally_draft *drafts, size_t index, tally_draft *storage, const tally_draft **draft,
                            tally_error *error)
{
    size_t stride = sizeof *drafts;
    if ((uintptr_t)drafts % _Alignof(tally_draft) == 0) stride = drafts->size;
    const tally_draft *given = (const tally_draft *)(const void *)((const char *)drafts + index * stride);
    if (stride == sizeof *drafts && given->size == sizeof *drafts) {
        *draft = given;
        return TALLY_OK;
    }
    *draft = storage;
    tally_status status =
        tally_options_read(storage, sizeof *storage, sizeof(tally_draft), given, "tally_draft", error);
    if (status != TALLY_OK || given->size == stride) return status;
    return tally_fail(error, TALLY_E_STRUCT_SIZE, "tally_draft.size is %zu, but %zu in the first draft", given->size,
                      stride);
}

tally_status tally_drafts_check(const tally_draft *drafts, size_t count, tally_error *error)
{
    if (drafts == NULL) return tally_fail(error, TALLY_E_NULL, "there is no draft; pass an event to append");
    if ((uintptr_t)drafts % _Alignof(tally_draft) != 0) {
        return tally_fail(error, TALLY_E_ALIGNMENT, "the draft is at an address that is no multiple of 8");
    }
    if (count >= 1 && count <= TALLY_BATCH_MAX) return TALLY_OK;
    return tally_fail(error, TALLY_E_RANGE, "the batch has %zu drafts; 1 to %u are allowed", count, TALLY_BATCH_MAX);
}

static bool is_of_library(tally_text name)
{
    if (name.length >= 1 && name.bytes[0] == '$') return true;
    return name.length >= 6 && memcmp(name.bytes, "tally.", 6) == 0;
}

static tally_status check_name(tally_text name, size_t min, size_t max, const char *what, bool system,
                               tally_error *error)
{
    tally_status status = tally_name_check(name.bytes, name.length, min, max, what, error);
    if (status != TALLY_OK || system || !is_of_library(name)) return status;
    return tally_fail_at(error, TALLY_E_NAME, 0,
                         "%s begins with \"$\" or \"tally.\", as only the library's own names do; choose another one",
                         what);
}

tally_status tally_caller_name_check(tally_text name, size_t max, const char *what, tally_error *error)
{
    return check_name(name, 1, max, what, false, error);
}

static tally_status check_bytes(const void *bytes, size_t length, size_t max, const char *what, tally_error *error)
{
    if (bytes == NULL && length != 0) {
        return tally_fail(error, TALLY_E_NULL, "%s is NULL, but its length is %zu", what, length);
    }
    if (length <= max) return TALLY_OK;
    return tally_fail(error, TALLY_E_LENGTH, "%s has %zu bytes; at most %zu are allowed", what, length, max);
}

static tally_status check_tags(const tally_draft *draft, bool system, tally_error *error)
{
    if (draft->tag_count == 0) return TALLY_OK;
    if (draft->tags == NULL) {
        return tally_fail(error, TALLY_E_NULL, "tags is NULL, but tag_count is %zu", draft->tag_count);
    }
    if (draft->tag_count > TALLY_TAGS_MAX) {
        return tally_fail(error, TALLY_E_LIMIT, "the event has %zu tags; at most %d are allowed", draft->tag_count,
                          TALLY_TAGS_MAX);
    }
    for (size_t i = 0; i < draft->tag_count; i++) {
        tally_status status = check_name(draft->tags[i], 1, TALLY_TAG_MAX, "a tag", system, error);
        if (status != TALLY_OK) return status;
    }
    return TALLY_OK;
}

static bool is_zero(const tally_uuid *id)
{
    static const tally_uuid zero;
    return memcmp(id, &zero, sizeof zero) == 0;
}

static tally_status check_flags(const tally_draft *draft, size_t index, tally_error *error)
{
    const uint32_t known = TALLY_DRAFT_OCCURRED | TALLY_DRAFT_CAUSE_IN_BATCH;
    if (draft->flags & ~known) return tally_fail(error, TALLY_E_OPTION, "draft.flags is 0x%x", draft->flags);
    if (draft->reserved != 0) {
        return tally_fail(error, TALLY_E_OPTION, "draft.reserved is %u; it must be 0", draft->reserved);
    }
    if (!(draft->flags & TALLY_DRAFT_CAUSE_IN_BATCH)) return TALLY_OK;
    if (draft->cause_index >= index) {
        return tally_fail(error, TALLY_E_RANGE, "cause_index is %u, but this is draft %zu: a cause comes before",
                          draft->cause_index, index);
    }
    if (is_zero(&draft->causation)) return TALLY_OK;
    return tally_fail(error, TALLY_E_ARGUMENT, "causation and cause_index are both given; choose one");
}

tally_status tally_draft_check(const tally_draft *draft, size_t index, bool system, tally_error *error)
{
    tally_status status = check_name(draft->stream, 1, TALLY_STREAM_MAX, "the stream", system, error);
    if (status == TALLY_OK) status = check_name(draft->type, 1, TALLY_TYPE_MAX, "the type", system, error);
    if (status == TALLY_OK) {
        status = check_name(draft->content_type, 0, TALLY_CONTENT_TYPE_MAX, "the content type", system, error);
    }
    if (status == TALLY_OK) status = check_bytes(draft->data, draft->length, TALLY_DATA_MAX, "data", error);
    if (status == TALLY_OK) status = check_tags(draft, system, error);
    if (status == TALLY_OK) {
        status = check_bytes(draft->idempotency_key.bytes, draft->idempotency_key.length, TALLY_IDEMPOTENCY_KEY_MAX,
                             "the idempotency key", error);
    }
    if (status == TALLY_OK) status = check_flags(draft, index, error);
    if (status != TALLY_OK || draft->subject.length == 0) return status;
    status = check_name(draft->subject, 1, TALLY_SUBJECT_MAX, "the subject", system, error);
    if (status != TALLY_OK) return status;
    return tally_fail(error, TALLY_E_UNSUPPORTED, "the event has a subject, but the store has no keyring to seal with");
}

void tally_draft_name(size_t index, size_t count, tally_error *error)
{
    char message[sizeof error->message];
    char named[sizeof error->message + 32];
    if (error == NULL || count == 1) return;
    memcpy(message, error->message, sizeof message);
    int length = snprintf(named, sizeof named, "draft %zu: %s", index, message);
    (void)tally_text_copy(error->message, sizeof error->message, named, (size_t)length);
}

static bool comes_after(tally_text a, tally_text b)
{
    int order = memcmp(a.bytes, b.bytes, a.length < b.length ? a.length : b.length);
    return order > 0 || (order == 0 && a.length > b.length);
}

/* At most 32, mostly sorted already. */
size_t tally_tags_sort(tally_text *tags, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        tally_text tag = tags[i];
        size_t at = kept;
        while (at > 0 && comes_after(tags[at - 1], tag)) at--;
        bool twice =
            at > 0 && tags[at - 1].length == tag.length && memcmp(tags[at - 1].bytes, tag.bytes, tag.length) == 0;
        if (twice) continue;
        memmove(tags + at + 1, tags + at, (kept - at) * sizeof *tags);
        tags[at] = tag;
        kept++;
    }
    return kept;
}

/* ---------------------------------------------------------------------------------------- options */

static tally_status check_expectations(const tally_append_options *options, tally_error *error)
{
    for (size_t i = 0; i < options->expectation_count; i++) {
        const tally_expectation *expectation = &options->expectations[i];
        if (expectation->expect > TALLY_EXPECT_VERSION || expectation->reserved != 0) {
            return tally_fail(error, TALLY_E_OPTION, "expectation %zu has expect %u and reserved %u", i,
                              expectation->expect, expectation->reserved);
        }
        tally_text stream = expectation->stream;
        tally_status status =
            tally_name_check(stream.bytes, stream.length, 0, TALLY_STREAM_MAX, "an expectation's stream", error);
        if (status != TALLY_OK) return status;
    }
    return TALLY_OK;
}

static tally_status check_texts(const tally_text *texts, size_t count, size_t max, const char *what, tally_error *error)
{
    if (texts == NULL && count != 0)
        return tally_fail(error, TALLY_E_NULL, "%s: NULL with a count of %zu", what, count);
    if (count > TALLY_QUERY_NAMES_MAX) {
        return tally_fail(error, TALLY_E_LIMIT, "%s: %zu of them; at most %u are allowed", what, count,
                          TALLY_QUERY_NAMES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        tally_status status = tally_name_check(texts[i].bytes, texts[i].length, 1, max, what, error);
        if (status != TALLY_OK) return status;
    }
    return TALLY_OK;
}

static tally_status check_conditions(const tally_append_options *options, tally_error *error)
{
    for (size_t i = 0; i < options->condition_count; i++) {
        const tally_append_condition *condition = &options->conditions[i];
        if (condition->type_count == 0 && condition->tag_count == 0) {
            return tally_fail(error, TALLY_E_ARGUMENT, "condition %zu has neither types nor tags", i);
        }
        tally_status status =
            check_texts(condition->types, condition->type_count, TALLY_TYPE_MAX, "a condition's types", error);
        if (status == TALLY_OK) {
            status = check_texts(condition->tags, condition->tag_count, TALLY_TAG_MAX, "a condition's tags", error);
        }
        if (status != TALLY_OK) return status;
    }
    return TALLY_OK;
}

static tally_status check_counts(const tally_append_options *options, tally_error *error)
{
    if (options->expectations == NULL && options->expectation_count != 0) {
        return tally_fail(error, TALLY_E_NULL, "expectations is NULL with a count");
    }
    if (options->conditions == NULL && options->condition_count != 0) {
        return tally_fail(error, TALLY_E_NULL, "conditions is NULL with a count");
    }
    if (options->expectation_count <= TALLY_CONDITIONS_MAX && options->condition_count <= TALLY_CONDITIONS_MAX) {
        return TALLY_OK;
    }
    return tally_fail(error, TALLY_E_LIMIT, "%zu expectations and %zu conditions; at most %u are allowed of each",
                      options->expectation_count, options->condition_count, TALLY_CONDITIONS_MAX);
}

tally_status tally_append_options_read(const tally_append_options *options, tally_append_options *known,
                                       tally_error *error)
{
    tally_status status =
        tally_options_read(known, sizeof *known, sizeof(tally_append_options), options, "tally_append_options", error);
    if (status != TALLY_OK) return status;
    if (known->durability > TALLY_DURABLE) {
        return tally_fail(error, TALLY_E_OPTION, "durability is %u; see TALLY_BUFFERED", known->durability);
    }
    if (known->durability == TALLY_DURABILITY_DEFAULT) known->durability = TALLY_DURABLE;
    if (known->flags & ~TALLY_APPEND_TRY) return tally_fail(error, TALLY_E_OPTION, "flags is 0x%x", known->flags);
    if ((known->flags & TALLY_APPEND_TRY) && known->durability != TALLY_BUFFERED) {
        return tally_fail(error, TALLY_E_OPTION, "TALLY_APPEND_TRY waits for nobody, so it goes with TALLY_BUFFERED");
    }
    if (known->expectation_count == 0 && known->condition_count == 0) return TALLY_OK;
    status = check_counts(known, error);
    if (status == TALLY_OK) status = check_expectations(known, error);
    if (status == TALLY_OK) status = check_conditions(known, error);
    return status;
}
