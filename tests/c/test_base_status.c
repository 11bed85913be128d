/* base/status.c, base/constant.c, base/version.c */
#include "test.h"

#include <tallystick/tallystick.h>

#include "base/error.h"

TEST(statuses_are_listed_in_order_and_without_gaps)
{
    tally_status status = 1;
    size_t count = 0;
    while (tally_status_at(count, &status) == TALLY_OK) {
        CHECK_EQ(status, -(int64_t)count);
        count++;
    }
    CHECK(count >= 36); /* new ones are only ever added at the end */
    CHECK_STATUS(tally_status_at(count, &status), TALLY_E_RANGE);
    CHECK_STATUS(status, TALLY_OK);
}

TEST(a_status_list_without_a_place_to_write_is_refused) { CHECK_STATUS(tally_status_at(0, NULL), TALLY_E_NULL); }

TEST(every_status_has_a_name_a_message_and_a_class)
{
    tally_status status;
    for (size_t i = 0; tally_status_at(i, &status) == TALLY_OK; i++) {
        CHECK(strncmp(tally_status_name(status), "TALLY_", 6) == 0);
        CHECK(strcmp(tally_status_name(status), "TALLY_E_UNKNOWN") != 0);
        size_t length = strlen(tally_status_message(status));
        CHECK(length > 5 && length < 200);
        CHECK(tally_status_message(status)[length - 1] != '.');
        CHECK((tally_status_class_of(status) == TALLY_CLASS_NONE) == (status == TALLY_OK));
    }
}

TEST(known_statuses_have_their_documented_name_message_and_class)
{
    CHECK_TEXT(tally_status_name(TALLY_OK), "TALLY_OK");
    CHECK_TEXT(tally_status_message(TALLY_OK), "success");
    CHECK_TEXT(tally_status_name(-5), "TALLY_E_CLOSED");
    CHECK_EQ(tally_status_class_of(TALLY_E_CLOSED), TALLY_CLASS_CALLER);
    CHECK_EQ(tally_status_class_of(TALLY_E_EXISTS), TALLY_CLASS_CONFLICT);
    CHECK_EQ(tally_status_class_of(TALLY_E_NO_MEMORY), TALLY_CLASS_TRANSIENT);
    CHECK_EQ(tally_status_class_of(TALLY_E_TRUNCATED), TALLY_CLASS_DAMAGED);
    CHECK_EQ(tally_status_class_of(TALLY_E_IO), TALLY_CLASS_FATAL);
    CHECK_EQ(tally_status_class_of(TALLY_E_PANIC), TALLY_CLASS_BUG);
}

TEST(a_number_that_is_no_status_is_unknown_and_a_bug)
{
    tally_status last;
    tally_status behind = 0;
    while (tally_status_at((size_t)-behind, &last) == TALLY_OK) behind--;
    const tally_status strangers[] = {1, 2, INT32_MAX, INT32_MIN, INT32_MIN + 1, behind, -1000};
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        CHECK_TEXT(tally_status_name(strangers[i]), "TALLY_E_UNKNOWN");
        CHECK_EQ(tally_status_class_of(strangers[i]), TALLY_CLASS_BUG);
        CHECK(tally_status_message(strangers[i]) != NULL);
    }
}

TEST(constants_are_found_by_name)
{
    uint64_t value = 7;
    CHECK_STATUS(tally_constant_get("TALLY_WAIT_FOREVER", &value), TALLY_OK);
    CHECK_EQ(value, UINT32_MAX);
    CHECK_STATUS(tally_constant_get("TALLY_POLICY_RAISE", &value), TALLY_OK);
    CHECK_EQ(value, TALLY_POLICY_RAISE);
    CHECK_STATUS(tally_constant_get("TALLY_API_TAG_HIGH", &value), TALLY_OK);
    CHECK_EQ(value, TALLY_API_TAG_HIGH);
}

TEST(a_negative_constant_is_sign_extended)
{
    uint64_t value = 7;
    CHECK_STATUS(tally_constant_get("TALLY_HANDLER_ABORT", &value), TALLY_OK);
    CHECK_EQ((int64_t)value, INT32_MIN);
    CHECK_STATUS(tally_constant_get("TALLY_FILE_NONE", &value), TALLY_OK);
    CHECK_EQ((int64_t)value, -1);
}

TEST(an_unknown_constant_is_not_found_and_leaves_zero)
{
    uint64_t value = 7;
    CHECK_STATUS(tally_constant_get("TALLY_NO_SUCH_THING", &value), TALLY_E_NOT_FOUND);
    CHECK_EQ(value, 0);
    value = 7;
    CHECK_STATUS(tally_constant_get("", &value), TALLY_E_NOT_FOUND);
    CHECK_EQ(value, 0);
    value = 7;
    CHECK_STATUS(tally_constant_get(NULL, &value), TALLY_E_NULL);
    CHECK_EQ(value, 0);
    CHECK_STATUS(tally_constant_get("TALLY_VERSION", NULL), TALLY_E_NULL);
}

TEST(the_table_of_constants_can_be_walked_and_names_are_unique)
{
    const char *name = NULL;
    uint64_t value = 0;
    size_t count = 0;
    while (tally_constant_at(count, &name, &value) == TALLY_OK) {
        uint64_t found = ~value;
        CHECK_STATUS(tally_constant_get(name, &found), TALLY_OK);
        CHECK_EQ(found, value); /* would be another value if two rows had one name */
        count++;
    }
    CHECK(count > 40);
    CHECK(name == NULL && value == 0);
    CHECK_STATUS(tally_constant_at(count, &name, &value), TALLY_E_RANGE);
    CHECK_STATUS(tally_constant_at(SIZE_MAX, &name, &value), TALLY_E_RANGE);
}

TEST(walking_constants_needs_both_places)
{
    const char *name = "x";
    uint64_t value = 7;
    CHECK_STATUS(tally_constant_at(0, NULL, &value), TALLY_E_NULL);
    CHECK_EQ(value, 0);
    CHECK_STATUS(tally_constant_at(0, &name, NULL), TALLY_E_NULL);
    CHECK(name == NULL);
}

/* ----------------------------------------------------------------- the table and the headers agree */

/* Beside where this file was compiled from; the programs run in the checkout's root, as the compiler did. */
static const char *headers_path(void)
{
    static char path[1024];
    const char *slash = strrchr(__FILE__, '/');
    int length = slash == NULL ? 0 : (int)(slash - __FILE__ + 1);
    (void)snprintf(path, sizeof path, "%.*s../../csrc/include/tallystick", length, __FILE__);
    return path;
}

/* Whether a macro's value is a number: not empty, no text, no attribute; `(-5)` and `(TALLY_X * 2)` are. */
static bool is_number(const char *value)
{
    value += strspn(value, " (-");
    return (*value >= '0' && *value <= '9') || strncmp(value, "UINT", 4) == 0 || strncmp(value, "TALLY_V", 7) == 0;
}

static void check_line(const char *line, const char *header, uint32_t *found)
{
    char name[128];
    uint64_t value;
    if (strncmp(line, "#define TALLY_", 14) != 0) return;
    size_t length = strcspn(line + 8, " (");
    if (length >= sizeof name || line[8 + length] != ' ' || !is_number(line + 8 + length)) return;
    memcpy(name, line + 8, length);
    name[length] = '\0';
    (*found)++;
    (void)test_check(tally_constant_get(name, &value) == TALLY_OK, __LINE__, "%s of %s is not in base/constant.c", name,
                     header);
}

static int32_t check_header(void *found, const char *header)
{
    char path[1200];
    char line[512];
    (void)snprintf(path, sizeof path, "%s/%s", headers_path(), header);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL) check_line(line, header, found);
    (void)fclose(file);
    return 0;
}

TEST(the_table_has_every_numeric_macro_of_the_headers_and_no_other)
{
    const tally_platform *platform = tally_platform_default();
    uint32_t found = 0;
    int32_t os_error;
    const char *name;
    uint64_t value;
    size_t rows = 0;
    CHECK_STATUS(platform->list_directory(platform->context, headers_path(), check_header, &found, &os_error),
                 TALLY_OK);
    while (tally_constant_at(rows, &name, &value) == TALLY_OK) rows++;
    CHECK_EQ(rows, found);
}

TEST(the_version_of_the_library_is_that_of_the_header)
{
    char text[32];
    CHECK_EQ(tally_version(), TALLY_VERSION);
    CHECK_TEXT(tally_version_text(), TALLY_VERSION_TEXT);
    (void)snprintf(text, sizeof text, "%d.%d.%d", TALLY_VERSION_MAJOR, TALLY_VERSION_MINOR, TALLY_VERSION_PATCH);
    CHECK_TEXT(tally_version_text(), text);
}

/* ------------------------------------------------------------------------------------------ errors */

TEST(a_failure_fills_every_member_and_returns_its_status)
{
    tally_error error;
    memset(&error, 0xAA, sizeof error);
    CHECK_STATUS(tally_fail(&error, TALLY_E_RANGE, "%d is more than %d", 5, 3), TALLY_E_RANGE);
    CHECK_STATUS(error.status, TALLY_E_RANGE);
    CHECK_TEXT(error.message, "5 is more than 3");
    CHECK_TEXT(error.path, "");
    CHECK_EQ(error.os_error, 0);
    CHECK_EQ(error.position, TALLY_POSITION_NONE);
}

TEST(a_failure_can_have_a_position)
{
    tally_error error;
    memset(&error, 0xAA, sizeof error);
    CHECK_STATUS(tally_fail_at(&error, TALLY_E_UTF8, 17, "bad"), TALLY_E_UTF8);
    CHECK_EQ(error.position, 17);
    CHECK_EQ(error.os_error, 0);
    CHECK_TEXT(error.path, "");
}

TEST(a_failure_of_the_system_has_its_number_and_the_path)
{
    tally_error error;
    memset(&error, 0xAA, sizeof error);
    CHECK_STATUS(tally_fail_os(&error, TALLY_E_IO, 5, "/data/x", "cannot read %s", "x"), TALLY_E_IO);
    CHECK_EQ(error.os_error, 5);
    CHECK_EQ(error.position, TALLY_POSITION_NONE);
    CHECK_TEXT(error.path, "/data/x");
    CHECK_TEXT(error.message, "cannot read x");
    CHECK_STATUS(tally_fail_os(&error, TALLY_E_IO, 5, NULL, "none"), TALLY_E_IO);
    CHECK_TEXT(error.path, "");
}

TEST(nobody_has_to_want_the_detail)
{
    CHECK_STATUS(tally_fail(NULL, TALLY_E_RANGE, "%d", 1), TALLY_E_RANGE);
    CHECK_STATUS(tally_fail_at(NULL, TALLY_E_NUL, 1, "%d", 1), TALLY_E_NUL);
    CHECK_STATUS(tally_fail_os(NULL, TALLY_E_IO, 1, "p", "%d", 1), TALLY_E_IO);
    tally_error_clear(NULL);
}

TEST(clearing_an_error_says_success)
{
    tally_error error = {.status = TALLY_E_IO};
    tally_error_clear(&error);
    CHECK_STATUS(error.status, TALLY_OK);
}

TEST(a_long_message_is_cut_between_characters)
{
    tally_error error;
    char text[400];
    /* Two-byte characters behind an odd start: the 255th byte would be half of one. */
    for (size_t i = 0; i < 398; i += 2) memcpy(text + i, "\xC3\xA9", 2);
    text[398] = '\0';
    (void)tally_fail(&error, TALLY_E_IO, "%s", text);
    CHECK_EQ(strlen(error.message), 254);
    (void)tally_fail(&error, TALLY_E_IO, "x%s", text);
    CHECK_EQ(strlen(error.message), 255);
    CHECK_BYTES(error.message + 253, "\xC3\xA9", 3);
}

TEST(a_long_path_is_cut_and_its_stray_bytes_are_replaced)
{
    tally_error error;
    char path[700];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    path[1] = (char)0xFF;
    (void)tally_fail_os(&error, TALLY_E_IO, 1, path, "%s", path);
    CHECK_EQ(strlen(error.path), sizeof error.path - 1);
    CHECK_EQ(strlen(error.message), sizeof error.message - 1);
    CHECK_EQ(error.path[1], '?');
    CHECK_EQ(error.message[1], '?');
}
