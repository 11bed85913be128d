#define __USE_MINGW_ANSI_STDIO 1

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "log/run_body.h"
#include "log/sealed.h"
#include "verify/index.h"

/* A name in a run, and a name of one of its segments. */
static uint64_t pair(const tally_index_secret *secret, uint32_t kind, const char *name, size_t length, uint32_t segment,
                     uint32_t record)
{
    return tally_index_hash_name(secret, kind, name, length) *
           tally_index_mix(secret->events, (uint64_t)segment << 32 | record);
}

static bool sum_segment(const tally_segment *segment, uint32_t number, const tally_index_secret *secret, uint64_t *sum)
{
    for (uint32_t record = 0;; record++) {
        uint32_t kind;
        char name[TALLY_STREAM_MAX];
        size_t length;
        enum tally_answer answer = tally_sealed_name(segment, record, &kind, name, &length);
        if (answer != TALLY_ANSWER_YES) return answer == TALLY_ANSWER_NO;
        *sum += pair(secret, kind, name, length, number, record);
    }
}

/* Its references, one behind the other, rising. */
static bool sum_references(const tally_run *run, const tally_run_name *name, uint64_t *next,
                           const tally_index_secret *secret, uint64_t *sum)
{
    uint64_t before = 0;
    if (name->entry.at != *next) return false;
    *next += name->entry.count;
    for (uint32_t i = 0; i < name->entry.count; i++) {
        uint32_t segment, record;
        if (tally_run_reference(run, &name->entry, i, &segment, &record) != TALLY_ANSWER_YES) return false;
        if (i != 0 && segment <= before) return false;
        before = segment;
        *sum += pair(secret, name->kind, name->name, name->length, segment, record);
    }
    return true;
}

static bool is_behind(const tally_run_name *before, const tally_run_name *after)
{
    if (before->kind != after->kind) return before->kind < after->kind;
    return tally_text_compare((tally_text){before->name, before->length}, (tally_text){after->name, after->length}) < 0;
}

static bool check_hashes(const tally_run *run, const tally_index_secret *secret, uint64_t sum)
{
    tally_hashed hashed;
    uint64_t is = 0;
    uint32_t before = 0;
    if (!tally_hashed_open(&run->parts[TALLY_RUN_HASHES], &hashed) || hashed.count != run->name_count) return false;
    for (uint32_t i = 0; i < hashed.count; i++) {
        uint32_t hash, number;
        if (!tally_hashed_get(&hashed, i, &hash, &number) || hash < before) return false;
        before = hash;
        is += tally_index_mix(secret->values, (uint64_t)hash << 32 | number);
    }
    return is == sum;
}

static const char *compare(const tally_run *run, const tally_index_secret *secret, uint64_t wanted)
{
    tally_run_name names[2];
    uint64_t sum = 0, hashes = 0, next = 0;
    for (uint32_t i = 0; i < run->name_count; i++) {
        tally_run_name *name = &names[i % 2];
        if (tally_run_name_at(run, i, name) != TALLY_ANSWER_YES) return "does not check";
        if (i != 0 && !is_behind(&names[(i + 1) % 2], name)) return "is not sorted";
        if (!sum_references(run, name, &next, secret, &sum)) return "is not what its segments make";
        uint32_t hash = (uint32_t)(tally_hash_name(run->header.salt, name->kind, name->name, name->length) >> 32);
        hashes += tally_index_mix(secret->values, (uint64_t)hash << 32 | i);
    }
    if (next * TALLY_RUN_REFERENCE_BYTES != run->header.lengths[TALLY_RUN_REFERENCES] || sum != wanted)
        return "is not what its segments make";
    return check_hashes(run, secret, hashes) ? NULL : "has hashes that are not those of its names";
}

tally_status tally_index_check_run(const tally_view *view, size_t number, const tally_index_secret *secret,
                                   const tally_platform *platform, tally_bad *bad, tally_error *error)
{
    const tally_run *run = view->runs[number];
    uint64_t sum = 0;
    const char *what = NULL;
    (void)platform, (void)error;
    for (uint32_t i = 0; what == NULL && i < run->header.segment_count; i++) {
        uint64_t segment = run->header.first_segment + i;
        if (segment >= view->segment_count || !view->segments[segment]->sealed) what = "is over other segments";
        else if (view->segments[segment]->known.names == NULL) return TALLY_OK; /* of another release */
        else if (!sum_segment(view->segments[segment], i, secret, &sum))
            what = "has a segment whose names do not check";
    }
    if (what == NULL) what = compare(run, secret, sum);
    if (what != NULL)
        tally_bad_set(bad, TALLY_REASON_INDEX_WRONG, 0, TALLY_POSITION_NONE, run->name, 0, "%s %s", run->name, what);
    return TALLY_OK;
}
