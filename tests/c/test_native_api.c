/* The table of functions for other extensions: complete, and each member the function of its name. */
#include "handlers.h"

TEST(every_member_of_the_table_is_set)
{
    const tally_api *api = tally_api_table();
    REQUIRE(api != NULL);
    CHECK(api == tally_api_table());
    CHECK_EQ(api->size, sizeof(tally_api));
    CHECK_EQ(api->version, TALLY_VERSION);
    CHECK_EQ(api->reserved, 0);
    size_t first = offsetof(tally_api, status_name);
    CHECK_EQ((sizeof *api - first) % sizeof(void *), 0);
    for (size_t at = first; at < sizeof *api; at += sizeof(void *)) {
        uintptr_t member;
        memcpy(&member, (const char *)api + at, sizeof member);
        if (member == 0) (void)test_check(false, __LINE__, "the member at byte %zu is NULL", at);
    }
}

TEST(the_members_are_the_functions_of_their_names)
{
    const tally_api *api = tally_api_table();
    CHECK(api->status_name == tally_status_name);
    CHECK(api->status_message == tally_status_message);
    CHECK(api->kind_intern == tally_kind_intern);
    CHECK(api->kind_name == tally_kind_name);
    CHECK(api->handler_fail == tally_handler_fail);
    CHECK(api->registry_open == tally_registry_open);
    CHECK(api->registry_child == tally_registry_child);
    CHECK(api->registry_close == tally_registry_close);
    CHECK(api->registry_register == tally_registry_register);
    CHECK(api->registry_unregister == tally_registry_unregister);
    CHECK(api->registry_unregister_wait == tally_registry_unregister_wait);
    CHECK(api->registry_edit == tally_registry_edit);
    CHECK(api->registry_clear == tally_registry_clear);
    CHECK(api->registry_notify == tally_registry_notify);
    CHECK(api->registry_on_panic == tally_registry_on_panic);
    CHECK(api->registry_count == tally_registry_count);
    CHECK(api->registry_contains == tally_registry_contains);
    CHECK(api->reclaim == tally_reclaim);
    CHECK(api->handle_generation == tally_handle_generation);
}

TEST(an_extension_can_work_through_the_table_alone)
{
    const tally_api *api = tally_api_table();
    tally_registry *registry = NULL;
    tally_handler_id id;
    uint64_t count = 0;
    CHECK_STATUS(api->registry_open(NULL, &registry, NULL), TALLY_OK);
    CHECK(api->handle_generation(registry) != 0);
    CHECK_STATUS(api->registry_register(registry, note, "a", NULL, &id, NULL), TALLY_OK);
    CHECK_STATUS(api->registry_notify(registry, &(tally_notice){0}, NULL, NULL), TALLY_OK);
    CHECK_TEXT(told(), "a");
    CHECK_STATUS(api->registry_count(registry, &count, NULL), TALLY_OK);
    CHECK_EQ(count, 1);
    CHECK_STATUS(api->registry_close(&registry), TALLY_OK);
}

TEST(the_magic_of_a_native_handler_spells_its_name)
{
    uint64_t magic = TALLY_NATIVE_HANDLER_MAGIC;
    char text[9] = {0};
    for (int i = 0; i < 8; i++) text[i] = (char)(magic >> (8 * i));
    CHECK_TEXT(text, "TALLYHND");
}
