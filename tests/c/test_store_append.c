/* store/append: what is appended is there, at every level, alone and in batches. */
#include "test.h"

#include <tallystick/tallystick.h>

static tally_platform *world;
static tally_store *store;

static void begin(void)
{
    tally_error error;
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, &error), TALLY_OK);
    tally_store_options options = {.size = sizeof options, .platform = world};
    CHECK_STATUS(tally_store_open("store", 5, &options, &store, &error), TALLY_OK);
    if (store == NULL) printf("# %s\n", error.message);
}

static void end(void)
{
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

static tally_draft draft(const char *stream, const char *data)
{
    return (tally_draft){.size = sizeof(tally_draft),
                         .stream = {stream, strlen(stream)},
                         .type = {"thing.happened", 14},
                         .data = data,
                         .length = strlen(data)};
}

TEST(appended_events_get_dense_positions_and_versions)
{
    begin();
    for (uint32_t level = TALLY_BUFFERED; level <= TALLY_DURABLE; level++) {
        tally_append_options options = {.size = sizeof options, .durability = level};
        for (uint64_t i = 0; i < 10; i++) {
            tally_draft event = draft(i % 2 == 0 ? "a" : "b", "data");
            tally_receipt receipt;
            tally_error error;
            CHECK_STATUS(tally_store_append(store, &event, &options, &receipt, &error), TALLY_OK);
            CHECK_EQ(receipt.position, (level - 1) * 10 + i);
            CHECK_EQ(receipt.version, (level - 1) * 5 + i / 2);
        }
    }
    end();
}
