/* platform/check.c, default.c */
#include "test.h"

#include "platform/default.h"

#define FIRST offsetof(tally_platform, open_file)
#define FUNCTION sizeof(void (*)(void))

static tally_error error;

TEST(the_platforms_that_ship_are_complete)
{
    tally_platform *world = NULL;
    CHECK_STATUS(tally_platform_check(tally_platform_default(), &error), TALLY_OK);
    CHECK_STATUS(error.status, TALLY_OK);
    CHECK_TEXT(tally_platform_default()->name, "posix");
    REQUIRE_STATUS(tally_platform_memory_open(1, &world, NULL), TALLY_OK);
    CHECK_STATUS(tally_platform_check(world, NULL), TALLY_OK);
    CHECK_TEXT(world->name, "memory");
    CHECK_STATUS(tally_platform_memory_close(&world), TALLY_OK);
}

TEST(each_missing_member_is_named)
{
    size_t count = (sizeof(tally_platform) - FIRST) / FUNCTION;
    for (size_t i = 0; i < count; i++) {
        tally_platform table = *tally_platform_default();
        memset((char *)&table + FIRST + i * FUNCTION, 0, FUNCTION);
        CHECK_STATUS(tally_platform_check(&table, &error), TALLY_E_NULL);
        CHECK_EQ(error.position, i);
        CHECK_SAYS(error, "tally_platform.");
        if (i == 0) CHECK_SAYS(error, "open_file");
        if (i == count - 1) CHECK_SAYS(error, "fork_hooks");
    }
    CHECK_EQ(count, 49);
}

TEST(a_table_without_a_name_is_refused)
{
    tally_platform table = *tally_platform_default();
    table.name = NULL;
    CHECK_STATUS(tally_platform_check(&table, &error), TALLY_E_NULL);
    CHECK_SAYS(error, "name");
}

TEST(a_context_may_be_null)
{
    tally_platform table = *tally_platform_default();
    table.context = NULL;
    CHECK_STATUS(tally_platform_check(&table, &error), TALLY_OK);
}

TEST(a_table_of_another_size_is_refused_unread_but_a_newer_one_is_not)
{
    tally_platform table = *tally_platform_default();
    const size_t bad[] = {0, sizeof table - 1, sizeof table - FUNCTION, TALLY_STRUCT_SIZE_MAX + 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        table.size = bad[i];
        CHECK_STATUS(tally_platform_check(&table, &error), TALLY_E_STRUCT_SIZE);
    }
    table.size = sizeof table + FUNCTION;
    CHECK_STATUS(tally_platform_check(&table, &error), TALLY_OK);
}

TEST(null_and_misaligned_tables_are_refused_unread)
{
    CHECK_STATUS(tally_platform_check(NULL, &error), TALLY_E_NULL);
    CHECK_STATUS(tally_platform_check((const tally_platform *)(uintptr_t)9, &error), TALLY_E_ALIGNMENT);
    CHECK_STATUS(tally_platform_check(NULL, NULL), TALLY_E_NULL);
}

TEST(the_default_can_be_replaced_for_a_test_and_comes_back)
{
    const tally_platform *before = tally_platform_default();
    tally_platform table = *before;
    tally_platform_default_replace(&table);
    CHECK(tally_platform_default() == &table);
    tally_platform_default_replace(NULL);
    CHECK(tally_platform_default() == before);
}
