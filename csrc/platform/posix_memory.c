#if !defined(_WIN32)
#include "platform/posix.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"

void *tally_posix_allocate(void *context, size_t size_bytes)
{
    (void)context;
    return malloc(size_bytes);
}

void *tally_posix_resize(void *context, void *memory, size_t size_bytes)
{
    (void)context;
    return realloc(memory, size_bytes);
}

void tally_posix_release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

/* Locked memory lies between two pages that nobody may touch, so that running over either end stops
 * there instead of reading keys:  | guard | the caller's pages | guard |  */
typedef struct locked_pages {
    size_t guard;
    size_t body; /* the caller's size in whole pages */
    size_t total;
} locked_pages;

static bool layout(size_t size_bytes, locked_pages *pages)
{
    pages->guard = (size_t)sysconf(_SC_PAGESIZE);
    return size_bytes > 0 && tally_round_up_size(size_bytes, pages->guard, &pages->body) &&
           tally_add_size(pages->body, 2 * pages->guard, &pages->total);
}

void *tally_posix_allocate_locked(void *context, size_t size_bytes)
{
    (void)context;
    locked_pages pages;
    if (!layout(size_bytes, &pages)) return NULL;
    char *start = mmap(NULL, pages.total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return NULL;
    char *body = start + pages.guard;
    if (mprotect(body, pages.body, PROT_READ | PROT_WRITE) != 0) {
        (void)munmap(start, pages.total);
        return NULL;
    }
    /* Each of these may be refused (the usual limit is 64 KiB of locked memory); a key that could be
     * swapped out is better than no key. */
    (void)mlock(body, pages.body);
#if defined(MADV_DONTDUMP)
    (void)madvise(body, pages.body, MADV_DONTDUMP);
#endif
#if defined(MADV_WIPEONFORK)
    /* A child's copy would not be locked. */
    (void)madvise(body, pages.body, MADV_WIPEONFORK);
#endif
    return body;
}

/* memset before a munmap is dead code to a compiler; the barrier says that somebody looks. */
static void wipe(void *memory, size_t size_bytes)
{
    memset(memory, 0, size_bytes);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

void tally_posix_release_locked(void *context, void *memory, size_t size_bytes)
{
    (void)context;
    locked_pages pages;
    if (memory == NULL || !layout(size_bytes, &pages)) return;
    if (mprotect(memory, pages.body, PROT_READ | PROT_WRITE) == 0) wipe(memory, pages.body);
    (void)munmap((char *)memory - pages.guard, pages.total); /* unlocks as well */
}

tally_status tally_posix_protect(void *context, void *memory, size_t size_bytes, uint32_t access, int32_t *os_error)
{
    (void)context;
    static const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
    locked_pages pages;
    *os_error = 0;
    if (access >= sizeof protections / sizeof protections[0]) return TALLY_E_OPTION;
    if (!layout(size_bytes, &pages)) return TALLY_E_LENGTH;
    if (mprotect(memory, pages.body, protections[access]) != 0) return tally_posix_failed(os_error);
    return TALLY_OK;
}

#endif
