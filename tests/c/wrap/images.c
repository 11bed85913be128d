#include "images.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/memory.h"
#include "wrap/recording.h"

#define SUBSETS_OF_PIECES 8  /* without a wish */
#define SUBSETS_OF_CHANGES 8 /* 254 images */
#define SUBSETS_MOST 20
#define RANDOM_IMAGES 32

/* SplitMix64's finish: every input a different output, and neighbours far apart. */
static uint64_t mix(uint64_t bits)
{
    bits += UINT64_C(0x9E3779B97F4A7C15);
    bits = (bits ^ bits >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94D049BB133111EB);
    return bits ^ bits >> 31;
}

/* ---------------------------------------------------------------------------------- disks visited before */

/* A set of numbers that stand for disks; 0 is none.
 *
 * invariant: at most half full */
typedef struct number_set {
    uint64_t *slots;
    size_t capacity; /* a power of two */
    size_t count;
} number_set;

static void put_number(uint64_t *slots, size_t capacity, uint64_t number)
{
    size_t place = (size_t)number & (capacity - 1);
    while (slots[place] != 0) place = (place + 1) & (capacity - 1);
    slots[place] = number;
}

static bool has_number(const number_set *set, uint64_t number)
{
    if (set->capacity == 0) return false;
    for (size_t place = (size_t)number & (set->capacity - 1); set->slots[place] != 0;
         place = (place + 1) & (set->capacity - 1)) {
        if (set->slots[place] == number) return true;
    }
    return false;
}

static bool add_number(number_set *set, uint64_t number)
{
    if (set->count * 2 >= set->capacity) {
        size_t capacity = set->capacity == 0 ? 1024 : set->capacity * 2;
        uint64_t *slots = calloc(capacity, sizeof *slots);
        if (slots == NULL) return false;
        for (size_t i = 0; i < set->capacity; i++) {
            if (set->slots[i] != 0) put_number(slots, capacity, set->slots[i]);
        }
        free(set->slots);
        set->slots = slots;
        set->capacity = capacity;
    }
    put_number(set->slots, set->capacity, number);
    set->count++;
    return true;
}

/* ---------------------------------------------------------------------------------- a run and a point */

typedef struct image_run {
    const wrap_images *how;
    uint64_t only;
    wrap_image_visitor visit;
    void *user_data;
    number_set seen;
    uint64_t visited;
    uint64_t index; /* of the next image */
    bool failed;    /* no memory */
    bool stopped;   /* by the visitor */
} image_run;

/* A crash point while its images are made.
 *
 * invariant: pieces are sorted by operation, kind, offset; changes are numbered from 0 in that order */
typedef struct moment {
    image_run *run;
    const wrap_point *point;
    size_t number;
    tally_memory_piece *pieces;
    size_t count;
    size_t capacity;
    bool failed;
    size_t *change_of; /* of a piece */
    size_t changes;
    bool *kept;   /* of a piece: whether it survives in the image that is made now */
    uint64_t sum; /* of what has survived in it */
} moment;

static int compare(const void *a, const void *b)
{
    const tally_memory_piece *left = a;
    const tally_memory_piece *right = b;
    if (left->operation != right->operation) return left->operation < right->operation ? -1 : 1;
    if (left->kind != right->kind) return left->kind < right->kind ? -1 : 1;
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static void add_piece(void *user_data, const tally_memory_piece *piece)
{
    moment *at = user_data;
    if (at->count == at->capacity) {
        size_t capacity = at->capacity == 0 ? 64 : at->capacity * 2;
        tally_memory_piece *pieces = realloc(at->pieces, capacity * sizeof *pieces);
        if (pieces == NULL) {
            at->failed = true;
            return;
        }
        at->pieces = pieces;
        at->capacity = capacity;
    }
    at->pieces[at->count++] = *piece;
}

static bool list_pieces(moment *at)
{
    tally_memory_unsynced(at->point->world, add_piece, at);
    at->change_of = calloc(at->count + 1, sizeof *at->change_of);
    at->kept = calloc(at->count + 1, sizeof *at->kept);
    if (at->failed || at->change_of == NULL || at->kept == NULL) return false;
    if (at->count == 0) return true;
    qsort(at->pieces, at->count, sizeof *at->pieces, compare);
    for (size_t i = 1; i < at->count; i++) {
        bool same = at->pieces[i].operation == at->pieces[i - 1].operation;
        at->change_of[i] = at->change_of[i - 1] + (same ? 0 : 1);
    }
    at->changes = at->change_of[at->count - 1] + 1;
    return true;
}

/* Not every piece is asked about: a file that no surviving name leads to is not. So the sum stands for the
 * disk better than the choice does. */
static bool survives(void *user_data, const tally_memory_piece *piece)
{
    moment *at = user_data;
    if (at->count == 0) return false;
    const tally_memory_piece *found = bsearch(piece, at->pieces, at->count, sizeof *piece, compare);
    if (found == NULL || !at->kept[found - at->pieces]) return false;
    at->sum += mix(mix(mix(piece->operation) ^ piece->kind) ^ piece->offset);
    return true;
}

/* ------------------------------------------------------------------------------------------ one image */

static uint64_t number_of_disk(const moment *at, bool killed)
{
    uint64_t number = mix(at->point->syncs) ^ mix(killed ? at->point->changes : 0);
    for (size_t i = 0; i < WRAP_NOTES; i++) number = mix(number ^ at->point->notes[i]);
    number = mix(number + at->sum);
    return number == 0 ? 1 : number;
}

static void tell(const wrap_image *image)
{
    printf("#   image %" PRIu64 ": %s %" PRIu64 " at point %zu, before %s, notes", image->index, image->what,
           image->number, image->point, wrap_call_name(image->before));
    for (size_t i = 0; i < WRAP_NOTES; i++) printf(" %" PRIu64, image->notes[i]);
    printf("\n");
}

static void visit_disk(moment *at, tally_platform *disk, const char *what, uint64_t number)
{
    image_run *run = at->run;
    bool killed = strcmp(what, "killed") == 0;
    uint64_t disk_number = number_of_disk(at, killed);
    if (has_number(&run->seen, disk_number)) return;
    if (!add_number(&run->seen, disk_number)) {
        run->failed = true;
        return;
    }
    wrap_image image = {what, number, run->index++, at->number, at->point->before, killed, {0}};
    memcpy(image.notes, at->point->notes, sizeof image.notes);
    if (run->only != 0 && run->only - 1 != image.index) return;
    run->visited++;
    if (run->visit(run->user_data, disk, &image)) return;
    tell(&image);
    run->stopped = true;
}

static bool is_over(const moment *at) { return at->run->failed || at->run->stopped; }

/* The image of a power cut that `kept` describes. */
static void make_image(moment *at, const char *what, uint64_t number)
{
    tally_platform *disk = NULL;
    if (is_over(at)) return;
    at->sum = 0;
    if (tally_memory_power_cut(at->point->world, survives, at, &disk, NULL) != TALLY_OK) {
        at->run->failed = true;
        return;
    }
    visit_disk(at, disk, what, number);
    (void)tally_platform_memory_close(&disk);
}

static void make_killed(moment *at)
{
    tally_platform *disk = NULL;
    if (is_over(at)) return;
    at->sum = 0;
    if (tally_memory_copy(at->point->world, &disk, NULL) != TALLY_OK) {
        at->run->failed = true;
        return;
    }
    visit_disk(at, disk, "killed", 0);
    (void)tally_platform_memory_close(&disk);
}

/* ---------------------------------------------------------------------------------------- all of them */

static void make_subsets_of_pieces(moment *at)
{
    for (uint64_t bits = 1; bits >> at->count == 0; bits++) {
        for (size_t i = 0; i < at->count; i++) at->kept[i] = (bits >> i & 1) != 0;
        make_image(at, "subset", bits);
    }
}

static void make_subsets_of_changes(moment *at)
{
    if (at->changes > SUBSETS_OF_CHANGES) return;
    for (uint64_t bits = 1; bits >> at->changes == 0; bits++) {
        for (size_t i = 0; i < at->count; i++) at->kept[i] = (bits >> at->change_of[i] & 1) != 0;
        make_image(at, "changes", bits);
    }
}

static void make_kinds(moment *at, const char *what, bool names, bool sizes, bool bytes)
{
    for (size_t i = 0; i < at->count; i++) {
        uint32_t kind = at->pieces[i].kind;
        at->kept[i] = kind == TALLY_MEMORY_NAME ? names : kind == TALLY_MEMORY_SIZE ? sizes : bytes;
    }
    make_image(at, what, 0);
}

static void make_steps(moment *at)
{
    for (size_t k = 1; k < at->changes; k++) {
        for (size_t i = 0; i < at->count; i++) at->kept[i] = at->change_of[i] < k;
        make_image(at, "the first", k);
    }
    for (size_t k = 0; k < at->changes; k++) {
        for (size_t i = 0; i < at->count; i++) at->kept[i] = at->change_of[i] != k;
        make_image(at, "all but", k);
    }
    for (size_t k = 0; k < at->changes; k++) {
        for (size_t i = 0; i < at->count; i++) at->kept[i] = at->change_of[i] == k;
        make_image(at, "only", k);
    }
}

/* Evenly thrown coins would leave every change torn and none of two neighbours whole: so the chance, and
 * what is thrown for, change from image to image. */
static void make_torn(moment *at, uint64_t number)
{
    if (at->changes == 0) return; /* nothing to tear */
    uint64_t random = mix(mix(at->run->how->seed ^ mix(at->number)) + number);
    uint64_t eighths = 1 + (random >> 8) % 7;
    bool whole_changes = (random >> 16) % 3 == 0;
    bool in_order = (random >> 16) % 3 == 1;
    size_t moment_change = (size_t)((random >> 24) % at->changes);
    for (size_t i = 0; i < at->count; i++) {
        size_t change = at->change_of[i];
        uint64_t thrown = mix(random ^ (whole_changes ? change : i)) >> 32 & 7;
        if (in_order && change < moment_change) at->kept[i] = true;
        else if (in_order && change > moment_change) at->kept[i] = thrown == 0;
        else at->kept[i] = thrown < eighths;
    }
    make_image(at, "torn", number);
}

static void make_images(moment *at)
{
    const wrap_images *how = at->run->how;
    uint32_t most = how->exhaustive_up_to == 0 ? SUBSETS_OF_PIECES : how->exhaustive_up_to;
    uint32_t random_count = how->random_count == 0 ? RANDOM_IMAGES : how->random_count;
    if (most > SUBSETS_MOST) most = SUBSETS_MOST;
    if (random_count == WRAP_NO_RANDOM) random_count = 0;
    make_killed(at);
    make_kinds(at, "nothing", false, false, false);
    if (at->count <= most) {
        make_subsets_of_pieces(at);
        return;
    }
    make_kinds(at, "everything", true, true, true);
    make_kinds(at, "no names", false, true, true);
    make_kinds(at, "only names", true, false, false);
    make_kinds(at, "no sizes", true, false, true);
    make_kinds(at, "no bytes", true, true, false);
    make_steps(at);
    make_subsets_of_changes(at);
    for (uint32_t i = 0; i < random_count && !is_over(at); i++) make_torn(at, i);
}

static void visit_point(image_run *run, const wrap_point *point, size_t number)
{
    moment at = {.run = run, .point = point, .number = number};
    if (list_pieces(&at)) make_images(&at);
    else run->failed = true;
    free(at.pieces);
    free(at.change_of);
    free(at.kept);
}

static image_run begin_run(const wrap_images *how, wrap_image_visitor visit, void *user_data)
{
    static const wrap_images zero;
    const char *chosen = getenv("TALLY_IMAGE");
    image_run begun = {.how = how == NULL ? &zero : how, .visit = visit, .user_data = user_data};
    begun.only = chosen == NULL ? begun.how->only : strtoull(chosen, NULL, 10) + 1;
    return begun;
}

static uint64_t end_run(image_run *run)
{
    free(run->seen.slots);
    return run->failed ? 0 : run->visited;
}

uint64_t wrap_visit(const wrap_recording *recording, const wrap_images *how, wrap_image_visitor visit, void *user_data)
{
    image_run run = begin_run(how, visit, user_data);
    run.failed = recording->failed;
    for (size_t i = 0; i < recording->count && !run.failed && !run.stopped; i++) {
        visit_point(&run, &recording->points[i], i);
    }
    return end_run(&run);
}

uint64_t wrap_each_image(const tally_platform *world, const wrap_images *how, wrap_image_visitor visit, void *user_data)
{
    image_run run = begin_run(how, visit, user_data);
    /* Of a copy: the world itself has open files, and a constant table. */
    wrap_point point = {.before = WRAP_CALL_COUNT};
    if (tally_memory_copy(world, &point.world, NULL) != TALLY_OK) return 0;
    tally_memory_progress(point.world, &point.changes, &point.syncs);
    visit_point(&run, &point, 0);
    (void)tally_platform_memory_close(&point.world);
    return end_run(&run);
}
