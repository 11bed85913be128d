/* The largest registry there may be: the last indexes of its records, without the memory that it would take. */
#include "handlers.h"

#include "registry/records.h"

#define RECORDS_MAX TALLY_REGISTRY_HANDLERS_MAX

static tally_body body;

/* As if all chunks but the last were full of handlers: nobody looks into them here. */
static void almost_full(void)
{
    memset(&body, 0, sizeof body);
    body.platform = tally_platform_default();
    body.free_record = RECORD_NONE;
    body.removed = RECORD_NONE;
    body.chunk_count = RECORDS_MAX / RECORDS_PER_CHUNK;
    body.records_used = body.chunk_count * RECORDS_PER_CHUNK;
    body.chunks = calloc(body.chunk_count + 1, sizeof *body.chunks);
    REQUIRE(body.chunks != NULL);
}

static void let_go(void)
{
    tally_body_release(&body, body.chunks[RECORDS_MAX / RECORDS_PER_CHUNK], RECORDS_PER_CHUNK * sizeof(tally_record));
    tally_body_release(&body, body.map, body.map_size * sizeof *body.map);
    free(body.chunks);
}

TEST(every_handler_that_is_promised_has_an_index)
{
    almost_full();
    uint32_t left = RECORDS_MAX - body.records_used;
    CHECK(left > 0 && left < RECORDS_PER_CHUNK);
    REQUIRE_STATUS(tally_records_reserve(&body, left), TALLY_OK);
    for (uint32_t i = 0; i < left; i++) {
        uint32_t index = tally_records_take(&body, i + 1, 0, NULL);
        CHECK(index < RECORD_NONE);
        CHECK_EQ(tally_records_find(&body, i + 1), index);
    }
    CHECK_STATUS(tally_records_reserve(&body, 1), TALLY_E_NO_MEMORY);
    let_go();
}

TEST(no_handler_gets_the_index_that_means_none)
{
    almost_full();
    uint32_t left = RECORDS_MAX - body.records_used;
    CHECK_STATUS(tally_records_reserve(&body, left + 1), TALLY_E_NO_MEMORY);
    CHECK_STATUS(tally_records_reserve(&body, left), TALLY_OK);
    let_go();
}
