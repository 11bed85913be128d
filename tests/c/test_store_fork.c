/* After fork the child's handles are dead, touch nothing, and hold no lock. */
#include "handlers.h"

#include <fcntl.h>
#include <ftw.h>

#include "scratch.h"
#include "stores.h"

static char path[512];

static void begin_on_disk(uint32_t flags)
{
    tally_error error;
    tally_store_options options = {.size = sizeof options, .flags = flags, .segment_bytes = TALLY_SEGMENT_BYTES_MIN};
    scratch_make();
    (void)snprintf(path, sizeof path, "%s", in_scratch("store"));
    tally_status status = tally_store_open(path, strlen(path), &options, &store, &error);
    CHECK_STATUS(status, TALLY_OK);
    if (status != TALLY_OK) printf("# %s\n", error.message);
}

static int remove_it(const char *name, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(name);
}

static void end_on_disk(void)
{
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    (void)nftw(scratch_path, remove_it, 8, FTW_DEPTH | FTW_PHYS);
}

static void use_inherited(void *argument)
{
    tally_completions *completions = argument;
    tally_draft one = draft("a", "x");
    tally_event event;
    tally_watermarks marks;
    size_t count;
    tally_completion item;
    tally_error error;
    CHECK_STATUS(tally_store_append(store, &one, NULL, NULL, &error), TALLY_E_FORKED);
    CHECK_STATUS(tally_store_watermarks(store, &marks, NULL), TALLY_E_FORKED);
    CHECK_STATUS(tally_store_sync(store, NULL), TALLY_E_FORKED);
    CHECK_STATUS(get_event(0, &event), TALLY_E_FORKED);
    CHECK_STATUS(tally_completions_take(completions, &item, 1, &count, NULL), TALLY_E_FORKED);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    CHECK(store == NULL);
    /* Its parent still has the lock. */
    CHECK_STATUS(tally_store_open(path, strlen(path), NULL, &store, NULL), TALLY_E_LOCKED);
}

TEST(a_childs_copy_of_a_store_is_dead)
{
    begin_on_disk(0);
    tally_completions *completions = NULL;
    CHECK_STATUS(tally_completions_open(NULL, &completions, NULL), TALLY_OK);
    append_one("a", "x", TALLY_DURABLE);
    append_one("a", "x", TALLY_BUFFERED);
    in_child(use_inherited, completions);
    append_one("a", "x", TALLY_DURABLE);
    CHECK_EQ(marks_now().durable, 3);
    CHECK_STATUS(tally_completions_close(&completions), TALLY_OK);
    end_on_disk();
}

static int from_child[2];
static int to_child[2];

/* A child that outlives its parent's store must not keep it locked. */
TEST(a_child_does_not_keep_the_lock)
{
    begin_on_disk(0);
    append_one("a", "x", TALLY_DURABLE);
    CHECK(pipe(from_child) == 0 && pipe(to_child) == 0);
    (void)fflush(stdout);
    pid_t child = fork();
    char byte = 0;
    if (child == 0) {
        (void)alarm(20);
        (void)close(to_child[1]);
        (void)!write(from_child[1], "x", 1);
        (void)!read(to_child[0], &byte, 1);
        _exit(0);
    }
    CHECK(read(from_child[0], &byte, 1) == 1);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
    tally_error error;
    tally_status status = tally_store_open(path, strlen(path), NULL, &store, &error);
    CHECK_STATUS(status, TALLY_OK);
    if (status != TALLY_OK) printf("# %s\n", error.message);
    (void)close(to_child[1]);
    CHECK(waitpid(child, NULL, 0) == child);
    (void)close(to_child[0]);
    (void)close(from_child[0]);
    (void)close(from_child[1]);
    end_on_disk();
}

static bool has_forked;

/* During an open: this child stays, and its parent ends without a close. */
static void fork_once(void *user_data, wrap_call call)
{
    char byte = 0;
    (void)user_data;
    (void)call;
    if (has_forked) return;
    has_forked = true;
    if (fork() != 0) return;
    (void)alarm(20);
    (void)close(to_child[1]);
    (void)!write(from_child[1], "x", 1);
    (void)!read(to_child[0], &byte, 1);
    _exit(0);
}

static void open_and_end(wrap_call when)
{
    wrapped = wrap_open(tally_platform_default());
    wrap_watch(wrapped, WRAP_BIT(when), fork_once, NULL);
    tally_store_options options = {.size = sizeof options, .platform = wrapped, .flags = TALLY_STORE_NO_THREAD};
    tally_status status = tally_store_open(path, strlen(path), &options, &store, NULL);
    _exit(status == TALLY_OK && has_forked ? 0 : 1);
}

/* Of an open that its parent never came back from. */
TEST(a_child_of_an_open_does_not_keep_the_lock)
{
    static const wrap_call moments[] = {WRAP_LIST_DIRECTORY, WRAP_BOOT_ID, WRAP_RANDOM_BYTES};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        char byte = 0;
        int result = -1;
        begin_on_disk(TALLY_STORE_NO_THREAD);
        append_one("a", "x", TALLY_DURABLE);
        CHECK_STATUS(tally_store_close(&store), TALLY_OK);
        CHECK(pipe(from_child) == 0 && pipe(to_child) == 0);
        (void)fflush(stdout);
        pid_t child = fork();
        if (child == 0) open_and_end(moments[i]);
        CHECK(waitpid(child, &result, 0) == child);
        CHECK_EQ(result, 0);
        CHECK(read(from_child[0], &byte, 1) == 1);
        CHECK_STATUS(tally_store_open(path, strlen(path), NULL, &store, NULL), TALLY_OK);
        (void)close(to_child[1]);
        (void)close(to_child[0]);
        (void)close(from_child[0]);
        (void)close(from_child[1]);
        end_on_disk();
    }
}

static void open_own(void *argument)
{
    (void)argument;
    tally_store *own = NULL;
    /* The thread sanitizer starts no thread in a forked child. */
    tally_store_options options = {.size = sizeof options, .flags = UNDER_TSAN ? TALLY_STORE_NO_THREAD : 0};
    char other[600];
    (void)snprintf(other, sizeof other, "%s-child", path);
    CHECK_STATUS(tally_store_open(other, strlen(other), &options, &own, NULL), TALLY_OK);
    store = own;
    for (int i = 0; i < 20; i++) append_one("a", "x", 1 + (uint32_t)i % 3);
    CHECK_EQ(marks_now().buffered, 20);
    CHECK_STATUS(tally_store_close(&own), TALLY_OK);
}

TEST(a_child_can_open_a_store_of_its_own)
{
    begin_on_disk(0);
    append_one("a", "x", TALLY_BUFFERED);
    in_child(open_own, NULL);
    end_on_disk();
}

static _Atomic(bool) over;

static void *append_meanwhile(void *argument)
{
    (void)argument;
    while (!atomic_load(&over)) append_one("a", "x", TALLY_WRITTEN);
    return NULL;
}

static void look_dead(void *argument)
{
    (void)argument;
    tally_watermarks marks;
    CHECK_STATUS(tally_store_watermarks(store, &marks, NULL), TALLY_E_FORKED);
    CHECK_STATUS(tally_store_close(&store), TALLY_OK);
}

TEST(forking_while_threads_append_harms_nobody)
{
    begin_on_disk(0);
    pthread_t threads[3];
    atomic_store(&over, false);
    for (int i = 0; i < 3; i++) (void)pthread_create(&threads[i], NULL, append_meanwhile, NULL);
    for (int i = 0; i < 10; i++) in_child(look_dead, NULL);
    atomic_store(&over, true);
    for (int i = 0; i < 3; i++) (void)pthread_join(threads[i], NULL);
    CHECK_STATUS(tally_store_sync(store, NULL), TALLY_OK);
    end_on_disk();
}
