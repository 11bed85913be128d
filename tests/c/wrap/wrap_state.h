/* The data of a wrapper; for wrap*.c only. */
#ifndef TALLY_TEST_WRAP_STATE_H
#define TALLY_TEST_WRAP_STATE_H

#include <stdatomic.h>

#include "wrap/wrap.h"

typedef struct wrap_state {
    tally_platform table; /* first: the table's address is the wrapper's */
    const tally_platform *inner;
    wrap_fault fault;
    _Atomic(uint64_t) met; /* calls of the fault's set since it was set */
    _Atomic(bool) hit;
    _Atomic(bool) dark; /* the power is cut */
    _Atomic(uint64_t) counts[WRAP_CALL_COUNT];
    _Atomic(int64_t) blocks;
    _Atomic(int64_t) files;
    _Atomic(int64_t) maps;
    _Atomic(int64_t) threads;
    uint64_t watched;
    void (*watch)(void *user_data, wrap_call call);
    void *watch_user_data;
} wrap_state;

/* Counts a call and says what is to happen to it: WRAP_NONE, or a fault in *status, *os_error. */
uint32_t wrap_meet(wrap_state *state, wrap_call call, tally_status *status, int32_t *os_error);

void wrap_fill_files(tally_platform *table);
void wrap_fill_rest(tally_platform *table);

#endif
