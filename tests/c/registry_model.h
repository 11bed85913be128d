/* A naive model of a registry and a child of it: two sorted arrays, and the notifies that are under way. Include
 * handlers.h first. */
#ifndef TALLY_TEST_REGISTRY_MODEL_H
#define TALLY_TEST_REGISTRY_MODEL_H

#include "handlers.h"

#define LIVE_MAX 24
#define FRAME_MAX (2 * LIVE_MAX)
#define NESTING_MAX 3
#define KINDS 4

enum action { NOTHING, FAIL, STOP, GONE, DROP, ADD, NOTIFY, DROP_SELF, MUTE, EDIT, ACTIONS };

typedef struct side side;

/* One registration, for ever. */
typedef struct member {
    tally_handler_id id;
    side *home;
    int32_t priority;
    enum action action;
    uint32_t kinds; /* bits; 0: all */
    bool once;
    uint32_t max_failures;
    uint32_t failures;
    bool registered;
    bool owned; /* has a destructor */
    uint32_t destroyed;
} member;

struct side {
    tally_registry *registry;
    side *parent;
    member *list[LIVE_MAX];
    uint32_t count;
    uint32_t mutes;
    bool panic;
};

/* A notify that is under way. */
typedef struct frame {
    struct frame *outer;
    member *list[FRAME_MAX];
    bool muted[FRAME_MAX];
    uint32_t count;
    uint32_t next;
    uint32_t kind; /* bit of the notice, 0: none */
    uint32_t fired;
    uint32_t failed;
    bool stopped;
} frame;

static uint64_t random_state;
static member *members;
static uint32_t ever;
static side sides[2]; /* the registry and its child */
static frame *top;
static uint32_t kind_numbers[KINDS];
static uint32_t expected_reports;
static uint32_t reports;
static uint64_t owned;
static uint64_t destroyed;

static inline uint32_t below(uint32_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * UINT64_C(2685821657736338717)) >> 33) % limit;
}

/* ------------------------------------------------------------------------------------------ the model */

static inline void model_add(member *added)
{
    side *home = added->home;
    uint32_t at = home->count++;
    for (; at > 0 && home->list[at - 1]->priority < added->priority; at--) home->list[at] = home->list[at - 1];
    home->list[at] = added;
    added->registered = true;
}

static inline bool model_drop(member *gone)
{
    if (!gone->registered) return false;
    side *home = gone->home;
    uint32_t at = 0;
    while (home->list[at] != gone) at++;
    home->count--;
    memmove(&home->list[at], &home->list[at + 1], (home->count - at) * sizeof home->list[0]);
    gone->registered = false;
    return true;
}

/* Whether a handler of a snapshot may be passed over. */
static inline bool may_skip(const frame *now, uint32_t at)
{
    const member *one = now->list[at];
    return !one->registered || now->muted[at] || (one->kinds != 0 && (one->kinds & now->kind) == 0);
}

static inline void destroy(void *user_data)
{
    member *one = user_data;
    CHECK(!one->registered);
    CHECK(top == NULL); /* never inside a notify */
    CHECK_EQ(one->destroyed, 0);
    one->destroyed++;
    destroyed++;
}

#endif
