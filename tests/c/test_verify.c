/* Verification of stores that are whole, of all shapes; and how it ends when it cannot go on. */
#include "test.h"

#include "verifies.h"

TEST(an_empty_store_is_intact)
{
    begin();
    check_open_intact(0);
    reopen();
    check_open_intact(0);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    check_intact(0);
    end();
}

TEST(an_unsealed_store_is_intact_while_it_is_open_and_at_rest)
{
    begin();
    append_many(0, 50);
    check_open_intact(50);
    check_intact(50);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    check_intact(50);
    CHECK_EQ(verified.covered, 0);
    CHECK_EQ(verified.signed_heads, 0);
    end();
}

TEST(a_store_of_many_segments_with_runs_is_intact)
{
    begin();
    append_many(0, 4000);
    while (figures_now().sealed_segments < 9) work();
    work();
    check_open_intact(4000);
    check_intact(4000);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    check_intact(4000);
    end();
}

TEST(a_signed_store_is_intact_and_covered)
{
    begin_signed();
    append_many(0, 3000);
    while (figures_now().sealed_segments < 5) work();
    (void)checkpoint_now();
    append_many(3000, 10);
    check_open_intact(3010);
    check_intact(3010);
    CHECK_EQ(verified.covered, 3000);
    CHECK(verified.signed_heads >= 1);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    check_intact(3010);
    CHECK_EQ(verified.covered, 3010);
    end();
}
