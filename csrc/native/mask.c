#include <string.h>

#include <tallystick/native.h>

#include "base/options.h"
#include "handle/closing.h"
#include "handle/process.h"

/* Masks that hand on to masks: each is a call on the C stack. */
#define NESTED_MAX 16

typedef struct mask_body {
    tally_mask_options options;
    uint32_t nested; /* masks from here to the last one, this one counted */
    _Atomic(uint64_t) matched;
    _Atomic(uint64_t) passed_over;
} mask_body;

static void release_body(void *memory)
{
    mask_body *body = memory;
    const tally_platform *platform = body->options.platform;
    tally_callback callback;
    tally_callback_enter(&callback);
    if (body->options.destructor != NULL) body->options.destructor(body->options.user_data);
    tally_callback_leave(&callback);
    platform->release(platform->context, body);
}

static enum tally_finish finish(tally_slot *slot) { return tally_close_when_quiet(slot, release_body); }

static const tally_close_steps steps = {NULL, finish, NULL};

static tally_status check(const tally_mask_options *options, tally_error *error)
{
    if (options->handler == NULL) return tally_fail(error, TALLY_E_NULL, "handler is NULL; pass what gets the events");
    if (options->reserved != 0)
        return tally_fail(error, TALLY_E_OPTION, "reserved is %u; it must be 0", options->reserved);
    uint32_t width = options->width;
    if (width != 1 && width != 2 && width != 4 && width != 8) {
        return tally_fail(error, TALLY_E_RANGE, "width is %u; it is 1, 2, 4 or 8 bytes", width);
    }
    if (options->mask == 0) return tally_fail(error, TALLY_E_RANGE, "mask is 0; every event would match");
    if (width < 8 && (options->mask >> (8 * width)) != 0) {
        return tally_fail(error, TALLY_E_RANGE, "mask has bits that a number of %u bytes does not have", width);
    }
    if ((options->match & ~options->mask) != 0) {
        return tally_fail(error, TALLY_E_RANGE, "match has bits outside of mask; no event would match");
    }
    if (options->offset > PTRDIFF_MAX - 8) {
        return tally_fail(error, TALLY_E_OVERFLOW, "offset is %zu; is it a negative number?", options->offset);
    }
    return options->platform == NULL ? TALLY_OK : tally_platform_check(options->platform, error);
}

/* 1 for a mask whose handler is no mask. */
static tally_status count_nested(const tally_mask_options *options, uint32_t *nested, tally_error *error)
{
    *nested = 1;
    if (options->handler != tally_mask_handler) return TALLY_OK;
    tally_call call;
    tally_status status = tally_gate_enter(&call, options->user_data, TALLY_HANDLE_MASK, error);
    if (status != TALLY_OK) return status;
    *nested += ((const mask_body *)call.slot->body)->nested;
    tally_gate_leave(&call);
    if (*nested <= NESTED_MAX) return TALLY_OK;
    return tally_fail(error, TALLY_E_LIMIT, "at most %d masks hand on to each other", NESTED_MAX);
}

tally_status tally_mask_open(const tally_mask_options *options, tally_mask **mask, tally_error *error)
{
    tally_error_clear(error);
    if (mask == NULL) return tally_fail(error, TALLY_E_NULL, "mask is NULL; it receives the handle");
    *mask = NULL;
    if (options == NULL) return tally_fail(error, TALLY_E_NULL, "options is NULL; a mask needs a mask and a handler");
    tally_mask_options known;
    tally_status status = tally_process_start(error);
    if (status == TALLY_OK) {
        status =
            tally_options_read(&known, sizeof known, sizeof(tally_mask_options), options, "tally_mask_options", error);
    }
    uint32_t nested = 1;
    if (status == TALLY_OK) status = check(&known, error);
    if (status == TALLY_OK) status = count_nested(&known, &nested, error);
    if (status != TALLY_OK) return status;
    if (known.platform == NULL) known.platform = tally_platform_default();
    mask_body *body = known.platform->allocate(known.platform->context, sizeof *body);
    if (body == NULL) return tally_fail(error, TALLY_E_NO_MEMORY, "no memory for a mask");
    memset(body, 0, sizeof *body);
    body->options = known;
    body->nested = nested;
    tally_slot *slot;
    status = tally_gate_new(&slot, TALLY_HANDLE_MASK, body, 0, &steps, error);
    if (status != TALLY_OK) {
        known.platform->release(known.platform->context, body);
        return status;
    }
    tally_gate_open(slot);
    *mask = (tally_mask *)slot;
    return TALLY_OK;
}

tally_status tally_mask_close(tally_mask **mask) { return tally_close(mask, TALLY_HANDLE_MASK, true); }

static bool matches(const tally_mask_options *options, const tally_notice *notice)
{
    if (notice == NULL || notice->length < options->width || options->offset > notice->length - options->width)
        return false;
    const uint8_t *bytes = (const uint8_t *)notice->data + options->offset;
    uint64_t number = 0;
    for (uint32_t i = 0; i < options->width; i++) number |= (uint64_t)bytes[i] << (8 * i);
    return (number & options->mask) == options->match;
}

int32_t tally_mask_handler(void *mask, const tally_notice *notice)
{
    tally_hold hold;
    mask_body *body = tally_gate_hold(&hold, mask, TALLY_HANDLE_MASK);
    if (body == NULL) return tally_handler_fail(TALLY_E_CLOSED, "the mask is closed", 18, NULL);
    int32_t answer = TALLY_HANDLER_DONE;
    if (matches(&body->options, notice)) {
        atomic_fetch_add_explicit(&body->matched, 1, memory_order_relaxed);
        /* Also when nobody notifies and this function was called as it is. */
        tally_callback callback;
        tally_callback_enter(&callback);
        answer = body->options.handler(body->options.user_data, notice);
        tally_callback_leave(&callback);
    } else {
        atomic_fetch_add_explicit(&body->passed_over, 1, memory_order_relaxed);
    }
    tally_gate_drop(&hold);
    return answer;
}

tally_status tally_mask_count(tally_mask *mask, uint64_t *matched, uint64_t *passed_over, tally_error *error)
{
    if (matched != NULL) *matched = 0;
    if (passed_over != NULL) *passed_over = 0;
    tally_call call;
    tally_status status = tally_gate_enter(&call, mask, TALLY_HANDLE_MASK, error);
    if (status != TALLY_OK) return status;
    mask_body *body = call.slot->body;
    if (matched != NULL) *matched = atomic_load_explicit(&body->matched, memory_order_relaxed);
    if (passed_over != NULL) *passed_over = atomic_load_explicit(&body->passed_over, memory_order_relaxed);
    tally_gate_leave(&call);
    return TALLY_OK;
}
