/* base/text.c */
#include "test.h"

#include "base/text.h"

static tally_error error;

static tally_status text_of(const char *text, size_t length)
{
    memset(&error, 0, sizeof error);
    return tally_text_check(text, length, 1, 512, "the text", &error);
}

static tally_status name_of(const char *text, size_t length)
{
    memset(&error, 0, sizeof error);
    return tally_name_check(text, length, 1, 512, "the name", &error);
}

TEST(plain_text_is_accepted)
{
    CHECK_STATUS(text_of("account/42", 10), TALLY_OK);
    CHECK_STATUS(text_of("line\nbreak\ttab\x7F", 15), TALLY_OK);
    CHECK_STATUS(text_of("a", 1), TALLY_OK);
}

TEST(the_borders_of_utf8_are_accepted)
{
    /* U+0080, U+07FF, U+0800, U+D7FF, U+E000, U+FFFF, U+10000, U+10FFFF */
    const char *good[] = {"\xC2\x80",     "\xDF\xBF",     "\xE0\xA0\x80",     "\xED\x9F\xBF",
                          "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_STATUS(text_of(good[i], strlen(good[i])), TALLY_OK);
        CHECK_EQ(tally_text_character(good[i], strlen(good[i])), strlen(good[i]));
    }
}

TEST(what_is_not_utf8_is_refused)
{
    const char *bad[] = {
        "\x80",
        "\xBF", /* a continuation with no start */
        "\xC0\x80",
        "\xC1\xBF", /* overlong, two bytes */
        "\xE0\x80\x80",
        "\xE0\x9F\xBF", /* overlong, three */
        "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF", /* overlong, four */
        "\xED\xA0\x80",
        "\xED\xBF\xBF", /* surrogates U+D800, U+DFFF */
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", /* above U+10FFFF */
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF", /* bytes that no character has */
        "\xC3",
        "\xE2\x82",
        "\xF0\x9F\x98", /* cut */
        "\xC3(",
        "\xE2(\x80",
        "\xE2\x82(",
        "\xF0(\x80\x80",
        "\xF0\x9F(\x80",
        "\xF0\x9F\x98(",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[16] = "ok";
        memcpy(text + 2, bad[i], strlen(bad[i]) + 1);
        CHECK_STATUS(text_of(text, 2 + strlen(bad[i])), TALLY_E_UTF8);
        CHECK_EQ(error.position, 2);
        CHECK_SAYS(error, "the text");
        CHECK_EQ(tally_text_character(bad[i], strlen(bad[i])), 0);
    }
}

/* The length decides, not what lies behind it. */
TEST(a_character_that_only_the_bytes_behind_the_text_complete_is_refused)
{
    CHECK_STATUS(text_of("\xC3\xA9", 1), TALLY_E_UTF8);
    CHECK_STATUS(text_of("\xE2\x82\xAC", 2), TALLY_E_UTF8);
    CHECK_STATUS(text_of("\xF0\x9F\x98\x80", 3), TALLY_E_UTF8);
    CHECK_EQ(tally_text_character("abc", 0), 0);
}

/* Every code point there is, encoded here by the definition. */
TEST(every_code_point_is_judged_as_the_standard_says)
{
    for (uint32_t point = 1; point <= 0x110000 && !test_has_failed(); point++) {
        char bytes[4];
        size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        static const unsigned char starts[] = {0, 0, 0xC0, 0xE0, 0xF0};
        uint32_t rest = point;
        for (size_t i = length; i-- > 1; rest >>= 6) bytes[i] = (char)(0x80 | (rest & 0x3F));
        bytes[0] = (char)(starts[length] | rest);
        bool legal = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
        bool control = point < 0x20 || (point >= 0x7F && point <= 0x9F);
        CHECK_EQ(tally_text_character(bytes, length), legal ? length : 0);
        CHECK_STATUS(tally_name_check(bytes, length, 0, 4, "it", NULL), !legal    ? TALLY_E_UTF8
                                                                        : control ? TALLY_E_NAME
                                                                                  : TALLY_OK);
    }
}

TEST(a_nul_inside_has_its_own_error)
{
    CHECK_STATUS(text_of("ab\0cd", 5), TALLY_E_NUL);
    CHECK_EQ(error.position, 2);
    CHECK_STATUS(name_of("ab\0cd", 5), TALLY_E_NUL);
    CHECK_EQ(error.position, 2);
    CHECK_STATUS(text_of("abc", 4), TALLY_E_NUL); /* somebody counted the terminator */
    CHECK_EQ(error.position, 3);
}

TEST(the_first_wrong_byte_decides)
{
    CHECK_STATUS(text_of("a\0\xFF", 3), TALLY_E_NUL);
    CHECK_STATUS(text_of("a\xFF\0", 3), TALLY_E_UTF8);
    CHECK_STATUS(name_of("a\n\xFF", 3), TALLY_E_NAME);
}

TEST(names_have_no_control_characters)
{
    const char *bad[] = {"\x01", "\t", "\n", "\x1F", "\x7F", "\xC2\x80", "\xC2\x9F"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_STATUS(name_of(bad[i], strlen(bad[i])), TALLY_E_NAME);
        CHECK_EQ(error.position, 0);
        CHECK_SAYS(error, "control");
        CHECK_STATUS(text_of(bad[i], strlen(bad[i])), TALLY_OK);
    }
    CHECK_STATUS(name_of(" ~\xC2\xA0", 4), TALLY_OK);
}

TEST(lengths_outside_the_bounds_are_refused)
{
    CHECK_STATUS(text_of("", 0), TALLY_E_LENGTH);
    CHECK_EQ(error.position, TALLY_POSITION_NONE);
    CHECK_STATUS(tally_text_check("abcd", 4, 1, 3, "it", &error), TALLY_E_LENGTH);
    CHECK_SAYS(error, "1 to 3");
    CHECK_STATUS(tally_text_check("abc", 3, 1, 3, "it", &error), TALLY_OK);
    CHECK_STATUS(tally_text_check("a", 1, 1, 3, "it", &error), TALLY_OK);
}

TEST(a_length_that_was_minus_one_is_refused_unread)
{
    CHECK_STATUS(tally_text_check("abc", SIZE_MAX, 0, SIZE_MAX, "it", &error), TALLY_E_LENGTH);
    CHECK_SAYS(error, "PTRDIFF_MAX");
    CHECK_STATUS(tally_text_check("abc", (size_t)PTRDIFF_MAX + 1, 0, SIZE_MAX, "it", &error), TALLY_E_LENGTH);
}

TEST(null_is_the_empty_text_and_nothing_else)
{
    CHECK_STATUS(tally_text_check(NULL, 0, 0, 5, "it", &error), TALLY_OK);
    CHECK_STATUS(tally_text_check(NULL, 0, 1, 5, "it", &error), TALLY_E_LENGTH);
    CHECK_STATUS(tally_text_check(NULL, 1, 0, 5, "it", &error), TALLY_E_NULL);
    CHECK_STATUS(tally_text_check(NULL, SIZE_MAX, 0, 5, "it", NULL), TALLY_E_NULL);
}

/* ------------------------------------------------------------------------------------------- copies */

TEST(a_copy_is_terminated_and_its_length_returned)
{
    char to[8];
    memset(to, 'x', sizeof to);
    CHECK_EQ(tally_text_copy(to, sizeof to, "hello", 5), 5);
    CHECK_TEXT(to, "hello");
    CHECK_EQ(tally_text_copy(to, sizeof to, NULL, 0), 0);
    CHECK_TEXT(to, "");
}

TEST(a_copy_is_cut_before_the_character_that_does_not_fit)
{
    char to[8];
    CHECK_EQ(tally_text_copy(to, 4, "abcd", 4), 3);
    CHECK_TEXT(to, "abc");
    CHECK_EQ(tally_text_copy(to, 4, "ab\xC3\xA9", 4), 2);
    CHECK_TEXT(to, "ab");
    CHECK_EQ(tally_text_copy(to, 5, "ab\xC3\xA9", 4), 4);
    CHECK_TEXT(to, "ab\xC3\xA9");
    CHECK_EQ(tally_text_copy(to, 4, "\xF0\x9F\x98\x80", 4), 0);
    CHECK_TEXT(to, "");
    /* It is a cut, not a choice: a shorter character behind is not moved up. */
    CHECK_EQ(tally_text_copy(to, 3, "a\xE2\x82\xACz", 5), 1);
    CHECK_TEXT(to, "a");
}

TEST(a_copy_writes_nothing_behind_its_capacity)
{
    char to[4] = {'x', 'x', 'x', 'x'};
    CHECK_EQ(tally_text_copy(to, 0, "abc", 3), 0);
    CHECK_EQ(to[0], 'x');
    CHECK_EQ(tally_text_copy(to, 1, "abc", 3), 0);
    CHECK_EQ(to[0], 0);
    CHECK_EQ(to[1], 'x');
    CHECK_EQ(tally_text_copy(to, 3, "\xFF\xFF\xFF", 3), 2);
    CHECK_EQ(to[3], 'x');
}

TEST(each_stray_byte_of_a_copy_becomes_a_question_mark)
{
    char to[16];
    CHECK_EQ(tally_text_copy(to, sizeof to, "a\xFF\xC3z\0y\xE2\x82", 8), 8);
    CHECK_TEXT(to, "a??z?y??");
}
