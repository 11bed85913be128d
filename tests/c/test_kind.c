/* Kinds: the same name is the same number, patterns are told apart, limits hold, threads agree. */
#include "handlers.h"

#include "platform/default.h"
#include "registry/kinds.h"
#include "wrap/wrap.h"

static tally_status intern(const char *name, size_t length, uint32_t *kind)
{
    *kind = 99;
    return tally_kind_intern(name, length, kind, NULL);
}

TEST(the_same_name_is_the_same_number)
{
    uint32_t first;
    uint32_t second;
    char copy[] = "order.paid!";
    CHECK_STATUS(intern("order.paid", 10, &first), TALLY_OK);
    CHECK_STATUS(intern(copy, 10, &second), TALLY_OK);
    CHECK(first != TALLY_KIND_NONE);
    CHECK_EQ(first, second);
    CHECK_STATUS(intern("order.paid!", 11, &second), TALLY_OK);
    CHECK(first != second);
}

TEST(a_number_leads_back_to_its_name)
{
    uint32_t kind;
    const char *name = NULL;
    size_t length = 0;
    char mine[] = "caf\xc3\xa9";
    CHECK_STATUS(intern(mine, 5, &kind), TALLY_OK);
    memset(mine, 'x', 5);
    CHECK_STATUS(tally_kind_name(kind, &name, &length, NULL), TALLY_OK);
    CHECK_TEXT(name, "caf\xc3\xa9");
    CHECK_EQ(length, 5);
    CHECK_STATUS(tally_kind_name(kind, &name, NULL, NULL), TALLY_OK);
    const uint32_t none[] = {0, 0x7fffffff, TALLY_KIND_PATTERN, UINT32_MAX, kind | TALLY_KIND_PATTERN, kind + 1000000};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        name = "old";
        length = 7;
        CHECK_STATUS(tally_kind_name(none[i], &name, &length, NULL), TALLY_E_NOT_FOUND);
        CHECK(name == NULL && length == 0);
    }
    CHECK_STATUS(tally_kind_name(kind, NULL, &length, NULL), TALLY_E_NULL);
}

TEST(a_pattern_is_marked_and_has_a_name_too)
{
    uint32_t pattern;
    uint32_t exact;
    const char *name;
    CHECK_STATUS(intern("order.*", 7, &pattern), TALLY_OK);
    CHECK_STATUS(intern("order.", 6, &exact), TALLY_OK);
    CHECK((pattern & TALLY_KIND_PATTERN) != 0);
    CHECK((exact & TALLY_KIND_PATTERN) == 0);
    CHECK_STATUS(tally_kind_name(pattern, &name, NULL, NULL), TALLY_OK);
    CHECK_TEXT(name, "order.*");
    CHECK(!tally_kind_exists(pattern & ~TALLY_KIND_PATTERN));
}

TEST(names_that_are_not_accepted)
{
    static char longest[TALLY_KIND_NAME_MAX + 1];
    memset(longest, 'k', sizeof longest);
    const struct {
        const char *name;
        size_t length;
        tally_status wanted;
    } names[] = {
        {longest, TALLY_KIND_NAME_MAX, TALLY_OK},
        {longest, TALLY_KIND_NAME_MAX + 1, TALLY_E_LENGTH},
        {"", 0, TALLY_E_LENGTH},
        {NULL, 0, TALLY_E_LENGTH},
        {NULL, 3, TALLY_E_NULL},
        {"a", SIZE_MAX, TALLY_E_LENGTH},
        {"a\0b", 3, TALLY_E_NUL},
        {"a\xff", 2, TALLY_E_UTF8},
        {"a\x1f", 2, TALLY_E_NAME},
        {"\x7f", 1, TALLY_E_NAME},
        {"\xc2\x85", 2, TALLY_E_NAME}, /* U+0085 */
        {"*", 1, TALLY_E_NAME},
        {".*", 2, TALLY_E_NAME},
        {"a*", 2, TALLY_E_NAME},
        {"*.a", 3, TALLY_E_NAME},
        {"a.*.b", 5, TALLY_E_NAME},
        {"a.**", 4, TALLY_E_NAME},
        {"a.*.*", 5, TALLY_E_NAME},
        {"a.*", 3, TALLY_OK},
        {" ", 1, TALLY_OK},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t kind;
        CHECK_STATUS(intern(names[i].name, names[i].length, &kind), names[i].wanted);
        CHECK_EQ(kind != 0, names[i].wanted == TALLY_OK);
    }
    CHECK_STATUS(tally_kind_intern("a", 1, NULL, NULL), TALLY_E_NULL);
}

TEST(matching_is_by_what_stands_before_the_star)
{
    uint32_t pattern = kind_of("a.b.*");
    CHECK(tally_kind_matches(pattern, kind_of("a.b.c")));
    CHECK(tally_kind_matches(pattern, kind_of("a.b.c.d")));
    CHECK(tally_kind_matches(pattern, kind_of("a.b..")));
    CHECK(!tally_kind_matches(pattern, kind_of("a.b")));
    CHECK(!tally_kind_matches(pattern, kind_of("a.b.")));
    CHECK(!tally_kind_matches(pattern, kind_of("a.bb.c")));
    CHECK(!tally_kind_matches(pattern, TALLY_KIND_NONE));
    CHECK(!tally_kind_matches(pattern, 0x7fffffff));
}

/* The table's hash, so that names can be made that want the same place. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325ull;
    for (; *text != 0; text++) hash = (hash ^ (uint8_t)*text) * 0x100000001b3ull;
    return hash ^ (hash >> 29);
}

TEST(names_that_want_the_same_place_are_different)
{
    static char names[100][24];
    static uint32_t kinds[100];
    uint32_t count = 0;
    for (uint32_t i = 0; count < 100; i++) {
        (void)snprintf(names[count], sizeof names[count], "clash%u", i);
        if ((hash_of(names[count]) & 0xff) != 17) continue;
        CHECK_STATUS(intern(names[count], strlen(names[count]), &kinds[count]), TALLY_OK);
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t again;
        CHECK_STATUS(intern(names[i], strlen(names[i]), &again), TALLY_OK);
        CHECK_EQ(again, kinds[i]);
        for (uint32_t other = 0; other < i; other++) CHECK(kinds[other] != kinds[i]);
    }
}

#define SHARED 2000
static uint32_t seen[4][SHARED];
static barrier gate = BARRIER_SHUT;

static void intern_all(void *mine)
{
    uint32_t *kinds = mine;
    (void)hold_here(&gate, NULL);
    for (uint32_t i = 0; i < SHARED; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "shared.%u", i);
        CHECK_STATUS(tally_kind_intern(name, strlen(name), &kinds[i], NULL), TALLY_OK);
        const char *back = NULL;
        CHECK_STATUS(tally_kind_name(kinds[i], &back, NULL, NULL), TALLY_OK);
        CHECK_TEXT(back, name);
    }
}

TEST(threads_that_intern_the_same_names_get_the_same_numbers)
{
    helper threads[4];
    for (int i = 0; i < 4; i++) start(&threads[i], intern_all, seen[i]);
    await_entered(&gate, 4);
    release_all(&gate);
    for (int i = 0; i < 4; i++) join(&threads[i]);
    for (int i = 1; i < 4; i++) CHECK_BYTES(seen[i], seen[0], sizeof seen[0]);
}

TEST(without_memory_nothing_is_interned_and_nothing_lost)
{
    tally_platform *platform = wrap_open(tally_platform_default());
    tally_platform_default_replace(platform);
    uint32_t before = kind_of("short.before");
    char name[24];
    uint32_t failures = 0;
    for (uint32_t i = 0; i < 3000; i++) { /* far enough for another chunk and a larger table */
        wrap_fault_set(platform, &(wrap_fault){.calls = WRAP_MEMORY, .kind = WRAP_FAIL});
        (void)snprintf(name, sizeof name, "short.%u", i);
        uint32_t kind;
        tally_status status;
        while ((status = intern(name, strlen(name), &kind)) == TALLY_E_NO_MEMORY) {
            CHECK_EQ(kind, TALLY_KIND_NONE);
            failures++;
            wrap_fault_set(platform, &(wrap_fault){.calls = WRAP_MEMORY, .skip = failures % 3 + 1, .kind = WRAP_FAIL});
        }
        CHECK_STATUS(status, TALLY_OK);
    }
    CHECK(failures >= 3000);
    wrap_fault_set(platform, NULL);
    CHECK_EQ(kind_of("short.before"), before);
    CHECK_EQ(kind_of("short.2999"), kind_of(name));
    tally_platform_default_replace(NULL);
    wrap_close(&platform);
}

/* The last test: afterwards no new name fits. */
TEST(the_number_of_names_is_bounded)
{
    uint32_t last = kind_of("bound.first");
    char name[24];
    uint32_t kind = 0;
    tally_status status = TALLY_OK;
    uint32_t made = 0;
    for (; made <= TALLY_KIND_MAX && status == TALLY_OK; made++) {
        (void)snprintf(name, sizeof name, "bound.%u", made);
        status = intern(name, strlen(name), &kind);
    }
    CHECK_STATUS(status, TALLY_E_LIMIT);
    CHECK_EQ(kind, TALLY_KIND_NONE);
    CHECK(made > TALLY_KIND_MAX / 2);
    CHECK_EQ(kind_of("bound.first"), last);
    CHECK(tally_kind_exists(TALLY_KIND_MAX));
    CHECK(!tally_kind_exists(TALLY_KIND_MAX + 1));
    const char *back = NULL;
    CHECK_STATUS(tally_kind_name(TALLY_KIND_MAX, &back, NULL, NULL), TALLY_OK);
}
