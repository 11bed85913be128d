/* The signer of one store: makes its heads, and never two that do not extend each other.
 *
 *     tally_signer_open     keys, what was signed, what is remembered: before anything of the log is touched
 *     tally_signer_admit    the log that was found is not shorter than any of it
 *     tally_signer_check    … and its tree has the roots that were signed
 *     tally_signer_make     a head at the durable watermark
 *
 * What was signed last is known from outside the store (state.h), from CHECKPOINTS, and from the caller (remembered);
 * a head is made only when the log extends the newest of these, proven by a consistency proof over the cores. It is
 * remembered outside, on the device, before its signature is made.
 *
 * One thread at a time; who calls sees to it (store/signing.c). Callbacks run inside of tally_signer_make. */
#ifndef TALLY_SIGN_SIGNER_H
#define TALLY_SIGN_SIGNER_H

#include "sign/keys.h"
#include "sign/notes.h"
#include "sign/state.h"
#include "sign/tree.h"

/* A head that the log has to extend. */
typedef struct tally_known_head {
    bool set;
    uint64_t size;
    tally_hash root;
} tally_known_head;

typedef struct tally_head_signer {
    const tally_platform *platform;
    const tally_folder *folder;
    bool writable;
    uint32_t flags;
    char origin[TALLY_ORIGIN_MAX + 1];

    tally_signing_key key;
    tally_signing_key old_key; /* signs too, for `both_left` more heads */
    uint32_t both_left;
    tally_believed believed;

    bool guarded;
    tally_state_file state;
    tally_known_head last;       /* signed by anybody, as far as is known; what the next head has to extend */
    tally_known_head remembered; /* as given at open */

    tally_outside remembered_place;
    tally_outside mirror_place;
    tally_mirror mirror;
    void *mirror_data;

    tally_tree tree;
    tally_notes notes;
    char *newest;         /* TALLY_NOTE_BYTES_MAX: the newest signed note; NULL: not needed yet */
    size_t newest_length; /* 0: none */
    uint64_t newest_size;
    tally_hash newest_root;
    bool newest_believed; /* a key that is believed signed it */

    uint64_t failures;
    uint64_t mirror_failures;
    char failure[256];
} tally_head_signer;

/* "<name>/<lineage>" */
void tally_origin_write(const char *name, const uint8_t lineage[16], char origin[TALLY_ORIGIN_MAX + 1]);

/* `signing` has been read by tally_signing_read; its texts are copied. Writes nothing but the signer's memory, when
 * there is none. What was opened is closed by tally_signer_close, also after a failure. */
tally_status tally_signer_open(tally_head_signer *signer, const tally_folder *folder, const tally_signing *signing,
                               const char *origin, bool writable, tally_error *error);
void tally_signer_close(tally_head_signer *signer);

/* TALLY_E_ROLLBACK the log has fewer events than were signed, as is known from outside; TALLY_E_DAMAGED as CHECKPOINTS
 * says, which refuses writers alone: what is whole of a damaged store can be read. */
tally_status tally_signer_admit(const tally_head_signer *signer, uint64_t events, tally_error *error);
/* TALLY_E_ROLLBACK. The view shows `events`. */
tally_status tally_signer_check(tally_head_signer *signer, const tally_view *view, uint64_t events, tally_error *error);

/* Whether there is a key, or was one: heads are worth making. */
static inline bool tally_signer_is_set(const tally_head_signer *signer)
{
    return tally_signing_key_is_set(&signer->key);
}

/* Signs a head over `size` events, all of them durable, unless the newest one covers them; keeps it, remembers it,
 * gives it away. */
tally_status tally_signer_make(tally_head_signer *signer, const tally_view *view, uint64_t size, tally_error *error);
/* The text of an unsigned one. */
tally_status tally_signer_make_unsigned(tally_head_signer *signer, const tally_view *view, uint64_t size, char *note,
                                        size_t capacity, size_t *needed, tally_error *error);
/* Reads the newest note of a read-only store. */
tally_status tally_signer_refresh(tally_head_signer *signer, tally_error *error);
/* Keeps a note that came back with more signatures. `size`: of events that are durable. */
tally_status tally_signer_keep(tally_head_signer *signer, const tally_view *view, uint64_t size, const char *note,
                               size_t length, const tally_text *witnesses, size_t witness_count, tally_error *error);
/* Makes ready for another key: what can fail of it. */
tally_status tally_signer_prepare(tally_head_signer *signer, const tally_signing_key *key, const tally_signing *signing,
                                  tally_error *error);
/* Changes to it, and takes it over: the next two heads are signed by both keys. */
void tally_signer_rotate(tally_head_signer *signer, tally_signing_key *key);
/* Counts what could not be signed. */
void tally_signer_failed(tally_head_signer *signer, tally_status status, const tally_error *error);

#endif
