/* What a handler's answer other than DONE does to a fan-out. */
#ifndef TALLY_REGISTRY_ANSWER_H
#define TALLY_REGISTRY_ANSWER_H

#include "registry/dispatch.h"

/* The handler of `entry` ran, was counted in run->done.fired, and answered `code`. */
void tally_answer(tally_run *run, tally_snapshot *snapshot, tally_entry *entry, int32_t code);

#endif
