#include "platform/memory_bytes.h"

#include <stdatomic.h>
#include <string.h>

#include <tallystick/platform.h>

/* invariant: written only while `owners` is 1 */
struct tally_memory_page {
    _Atomic(uint32_t) owners; /* images may be used, and freed, on several threads */
    unsigned char data[TALLY_MEMORY_PAGE];
};

static void *allocate(size_t size_bytes)
{
    const tally_platform *platform = tally_platform_default();
    return platform->allocate(platform->context, size_bytes);
}

static void release(void *memory)
{
    const tally_platform *platform = tally_platform_default();
    platform->release(platform->context, memory);
}

static void page_drop(tally_memory_page *page)
{
    if (page != NULL && atomic_fetch_sub_explicit(&page->owners, 1, memory_order_acq_rel) == 1) release(page);
}

/* The page to write to: made when it is missing, copied when it is shared. */
static tally_memory_page *page_to_write(tally_memory_bytes *bytes, size_t index)
{
    tally_memory_page *shared = bytes->pages[index];
    if (shared != NULL && atomic_load_explicit(&shared->owners, memory_order_acquire) == 1) return shared;
    tally_memory_page *page = allocate(sizeof *page);
    if (page == NULL) return NULL;
    atomic_init(&page->owners, 1);
    if (shared != NULL) memcpy(page->data, shared->data, sizeof page->data);
    else memset(page->data, 0, sizeof page->data);
    bytes->pages[index] = page;
    page_drop(shared);
    return page;
}

static size_t page_count(uint64_t size) { return (size_t)((size + TALLY_MEMORY_PAGE - 1) / TALLY_MEMORY_PAGE); }

static bool reserve(tally_memory_bytes *bytes, size_t count)
{
    if (count <= bytes->capacity) return true;
    size_t capacity = bytes->capacity * 2 > count ? bytes->capacity * 2 : count;
    tally_memory_page **pages = allocate(capacity * sizeof *pages);
    if (pages == NULL) return false;
    if (bytes->capacity > 0) memcpy(pages, bytes->pages, bytes->capacity * sizeof *pages);
    memset(pages + bytes->capacity, 0, (capacity - bytes->capacity) * sizeof *pages);
    release(bytes->pages);
    bytes->pages = pages;
    bytes->capacity = capacity;
    return true;
}

bool tally_memory_bytes_resize(tally_memory_bytes *bytes, uint64_t size)
{
    if (size > TALLY_MEMORY_SIZE_MAX || !reserve(bytes, page_count(size))) return false;
    if (size < bytes->size) {
        size_t last = (size_t)(size / TALLY_MEMORY_PAGE);
        size_t kept = (size_t)(size % TALLY_MEMORY_PAGE);
        if (kept > 0 && bytes->pages[last] != NULL) {
            tally_memory_page *page = page_to_write(bytes, last);
            if (page == NULL) return false;
            memset(page->data + kept, 0, TALLY_MEMORY_PAGE - kept);
        }
        for (size_t i = page_count(size); i < page_count(bytes->size); i++) {
            page_drop(bytes->pages[i]);
            bytes->pages[i] = NULL;
        }
    }
    bytes->size = size;
    return true;
}

bool tally_memory_bytes_write(tally_memory_bytes *bytes, uint64_t offset, const void *data, size_t length)
{
    const unsigned char *from = data;
    /* All pages first: when there is no memory for one, nothing has changed. */
    for (size_t i = (size_t)(offset / TALLY_MEMORY_PAGE); i < page_count(offset + length); i++) {
        if (page_to_write(bytes, i) == NULL) return false;
    }
    while (length > 0) {
        size_t within = (size_t)(offset % TALLY_MEMORY_PAGE);
        size_t part = TALLY_MEMORY_PAGE - within < length ? TALLY_MEMORY_PAGE - within : length;
        tally_memory_page *page = bytes->pages[offset / TALLY_MEMORY_PAGE];
        memcpy(page->data + within, from, part);
        from += part;
        offset += part;
        length -= part;
    }
    return true;
}

void tally_memory_bytes_read(const tally_memory_bytes *bytes, uint64_t offset, void *to, size_t length)
{
    unsigned char *into = to;
    while (length > 0) {
        size_t within = (size_t)(offset % TALLY_MEMORY_PAGE);
        size_t part = TALLY_MEMORY_PAGE - within < length ? TALLY_MEMORY_PAGE - within : length;
        const tally_memory_page *page = bytes->pages[offset / TALLY_MEMORY_PAGE];
        if (page != NULL) memcpy(into, page->data + within, part);
        else memset(into, 0, part);
        into += part;
        offset += part;
        length -= part;
    }
}

bool tally_memory_bytes_copy(tally_memory_bytes *to, const tally_memory_bytes *from)
{
    if (!reserve(to, page_count(from->size))) return false;
    for (size_t i = 0; i < page_count(from->size); i++) {
        to->pages[i] = from->pages[i];
        if (to->pages[i] != NULL) atomic_fetch_add_explicit(&to->pages[i]->owners, 1, memory_order_relaxed);
    }
    to->size = from->size;
    return true;
}

void tally_memory_bytes_free(tally_memory_bytes *bytes)
{
    for (size_t i = 0; i < page_count(bytes->size); i++) page_drop(bytes->pages[i]);
    release(bytes->pages);
    *bytes = (tally_memory_bytes){0};
}
