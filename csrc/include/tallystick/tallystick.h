/**
 * @file tallystick.h
 * @brief Everything: includes every public header, one per noun.
 *
 * base.h      version, visibility, the rules that hold everywhere
 * status.h    status codes and error detail
 * constant.h  every constant by its name, for bindings
 * platform.h  the table of I/O, clock, randomness, memory and threads
 * kind.h      numbers for the names of events
 * handler.h   callbacks, what they are given, how they answer
 * registry.h  the ordered set of handlers, and notify
 * native.h    handlers that never leave C
 * event.h     events: what is appended, and what is read back
 * store.h     the store: opening, levels of safety, notification, figures
 * append.h    appending: alone, in batches, under conditions, without waiting
 * reader.h    reading: one event, pages by any key, lists of names
 * proof.h     keys, signed notes, checkpoints and proofs, without a store
 * upkeep.h    backup, fsck, salvage
 * checkpoint.h  signing the store's heads, proving events, verifying
 * api.h       the table of functions for other extensions
 */
#ifndef TALLYSTICK_TALLYSTICK_H
#define TALLYSTICK_TALLYSTICK_H

#include "api.h"
#include "append.h"
#include "base.h"
#include "checkpoint.h"
#include "constant.h"
#include "event.h"
#include "handler.h"
#include "kind.h"
#include "native.h"
#include "platform.h"
#include "proof.h"
#include "reader.h"
#include "registry.h"
#include "status.h"
#include "store.h"
#include "upkeep.h"

#endif
