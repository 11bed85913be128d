/**
 * @file proof.h
 * @brief Proofs that need no store: keys, signed notes, checkpoints, Merkle proofs. Pure functions.
 *
 * What a third party holds is a public key and some text. Everything here works on such text, offline, in
 * published formats, so that a verifier that does not know this library comes to the same answer:
 *
 * | what                          | format                                                              |
 * | ----------------------------- | ------------------------------------------------------------------- |
 * | tree                          | RFC 6962, SHA-256; the leaf of an event is its core (docs/FORMAT.md) |
 * | checkpoint                    | C2SP tlog-checkpoint: origin, size and root in a signed note          |
 * | signatures, key texts         | C2SP signed-note: Ed25519 (0x01), cosignature/v1 (0x04)               |
 * | proof of an event             | C2SP tlog-proof@v1; `extra` holds core and body of the event         |
 *
 *     tally_proven proven;
 *     char room[65536];
 *     tally_text key = {vkey, strlen(vkey)};
 *     tally_policy policy = {.size = sizeof policy, .keys = &key, .key_count = 1};
 *     status = tally_proof_verify(text, length, NULL, 0, &policy, room, sizeof room, &proven, &error);
 *     if (status == TALLY_OK) …   // proven.event says what happened, proven.position where
 *
 * A verifier never says yes by accident: every text is hostile, has one spelling, is bounded, and nothing
 * is allocated by a number that it declares. What is stricter than the published formats ask: base64 has
 * its padding and no stray bits, numbers have no leading zeros, a bad signature of a known key rejects the
 * whole note, keys of small order are refused. None of these functions touches a file; all may be called from any
 * thread; they allocate nothing; texts that they write have no terminating NUL unless it is said.
 */
#ifndef TALLYSTICK_PROOF_H
#define TALLYSTICK_PROOF_H

#include "event.h"
#include "platform.h"

/** Longest note, in bytes: 64 KiB, room for post-quantum cosignatures. */
#define TALLY_NOTE_BYTES_MAX 65536u
/** Most signature lines that are read of one note. */
#define TALLY_SIGNATURES_MAX 64u
/** Longest text of a checkpoint, without its signatures, in bytes. */
#define TALLY_CHECKPOINT_TEXT_MAX 4096u
/** Longest proof text: an event's body, a note, and 64 hashes. */
#define TALLY_PROOF_BYTES_MAX 262144u
/** Most hashes of an inclusion proof, and of a consistency proof. */
#define TALLY_PROOF_HASHES_MAX 64u
#define TALLY_CONSISTENCY_HASHES_MAX 65u
/** Longest text of a key, in bytes, with its terminating NUL. */
#define TALLY_KEY_TEXT_BYTES 512u
/** Longest origin: name, "/", and the lineage as 32 hexadecimal digits. */
#define TALLY_ORIGIN_MAX 153u

/* ------------------------------------------------------------------------------------------- keys */

#define TALLY_KEY_OF_LOG 0u     /**< signs checkpoints (type 0x01) */
#define TALLY_KEY_OF_WITNESS 1u /**< cosigns them, with the time (type 0x04) */

/**
 * Makes an Ed25519 key pair with a name.
 *
 * Both texts are those of Go's sumdb/note: `skey` is "PRIVATE+KEY+<name>+<8 hex>+<base64>", `vkey` is
 * "<name>+<8 hex>+<base64>"; the 8 digits are the first four bytes of SHA-256(name || 0x0A || 0x01 || key).
 * For a store's log key the name is the store's origin, "<name>/<lineage>".
 *
 * @param platform  its random bytes; NULL: the default. A world in memory makes keys that anybody can repeat
 * @param name      1 to TALLY_ORIGIN_MAX bytes of UTF-8 without '+', white space and control characters
 * @param kind      TALLY_KEY_OF_LOG or TALLY_KEY_OF_WITNESS: it is part of the key and of its digits
 * @param skey      receives the private key, with a NUL; the caller wipes it
 * @param vkey      receives the public key, with a NUL
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_LENGTH, TALLY_E_NUL, TALLY_E_UTF8, TALLY_E_NAME the name is none;
 *         TALLY_E_OPTION another kind; TALLY_E_IO no randomness; as tally_platform_check
 */
TALLY_API tally_status tally_key_make(const tally_platform *platform, tally_text name, uint32_t kind,
                                      char skey[TALLY_KEY_TEXT_BYTES], char vkey[TALLY_KEY_TEXT_BYTES],
                                      tally_error *error);

/**
 * The public key's text of a private one.
 *
 * @param skey  as tally_key_make gave it; a newline at the end, as files have it, does no harm
 * @param vkey  receives the public key, with a NUL
 * @return TALLY_OK; TALLY_E_KEY; TALLY_E_NULL
 */
TALLY_API tally_status tally_key_public(tally_text skey, char vkey[TALLY_KEY_TEXT_BYTES], tally_error *error);

/* --------------------------------------------------------------------------- notes and checkpoints */

/** What a checkpoint says. `origin` is lent by the text that was read. */
typedef struct tally_checkpoint {
    tally_text origin;
    uint64_t size; /**< events */
    tally_hash root;
} tally_checkpoint;

/** Whose signatures are asked for. */
typedef struct tally_policy {
    size_t size;
    const tally_text *keys;      /**< vkey texts of the log; one valid signature by any of them is needed */
    size_t key_count;            /**< at least 1 */
    const tally_text *witnesses; /**< vkey texts of witnesses */
    size_t witness_count;
    size_t witnesses_needed; /**< valid cosignatures by different keys among them; 0: none are needed */
    tally_text origin;       /**< that the checkpoint must have; empty: the name of the key that signed it */
} tally_policy;

/** How a note's signatures came out. */
typedef struct tally_signed {
    uint32_t by_log;       /**< valid signatures by `keys` */
    uint32_t by_witnesses; /**< valid cosignatures by different `witnesses` */
    uint32_t unknown;      /**< lines of keys that the policy does not name; they prove nothing */
    uint32_t key_index;    /**< of the first of `keys` that signed */
    int64_t witnessed_s;   /**< the oldest of the newest times that each counted witness states, in seconds since
                                1970: by then all had seen it; 0 without witnesses */
} tally_signed;

/**
 * Reads a checkpoint and checks its signatures. A bad signature of a key that the policy names rejects the
 * note, whatever else is on it; lines of unknown keys are passed over.
 *
 * @param note        the whole text, with its signature lines
 * @param checkpoint  receives what it says; zero on failure
 * @param signatures  receives who signed; may be NULL
 * @return TALLY_OK;
 *         TALLY_E_FORMAT      no note or checkpoint: its one spelling is not kept; error->position is the byte;
 *         TALLY_E_UTF8        the same, of its encoding; TALLY_E_LIMIT too many signature lines, or keys;
 *         TALLY_E_LENGTH      a note is longer than TALLY_NOTE_BYTES_MAX, or empty; or the text of the
 *                             checkpoint is longer than TALLY_CHECKPOINT_TEXT_MAX;
 *         TALLY_E_SIGNATURE   a signature of a known key does not check; error->position is the line;
 *         TALLY_E_UNKNOWN_KEY no line of a key of the log, or too few witnesses;
 *         TALLY_E_ORIGIN      another log's checkpoint;
 *         TALLY_E_KEY         a text of the policy is no key, or one of the other kind; error->position is its
 *                             index; TALLY_E_ARGUMENT no keys; TALLY_E_RANGE more witnesses needed than named;
 *         TALLY_E_NULL; TALLY_E_STRUCT_SIZE; TALLY_E_ALIGNMENT
 */
TALLY_API tally_status tally_checkpoint_verify(const char *note, size_t length, const tally_policy *policy,
                                               tally_checkpoint *checkpoint, tally_signed *signatures,
                                               tally_error *error);

/**
 * Reads a checkpoint without looking at signatures, of which there may be none: for showing, never for
 * believing.
 *
 * @param checkpoint  receives what it says; zero on failure
 * @return TALLY_OK; TALLY_E_FORMAT; TALLY_E_UTF8; TALLY_E_LIMIT; TALLY_E_LENGTH; TALLY_E_NULL
 */
TALLY_API tally_status tally_checkpoint_read(const char *note, size_t length, tally_checkpoint *checkpoint,
                                             tally_error *error);

/* ------------------------------------------------------------------------------------------- trees */

/**
 * The root of the tree over `count` leaf hashes (RFC 6962, 2.1): SHA-256("") for none.
 * @return TALLY_OK; TALLY_E_NULL; TALLY_E_LENGTH
 */
TALLY_API tally_status tally_merkle_root(const tally_hash *leaves, size_t count, tally_hash *root);

/**
 * Checks that a leaf is number `index` of the tree with that size and root (RFC 6962, 2.1.1).
 *
 * @param hashes  from the leaf's sibling up to the root's child; NULL with count 0
 * @return TALLY_OK; TALLY_E_PROOF it is not, or the number of hashes is wrong; TALLY_E_RANGE a tree of that
 *         size has no such leaf; TALLY_E_NULL; TALLY_E_LENGTH
 */
TALLY_API tally_status tally_inclusion_verify(const tally_hash *leaf, uint64_t index, uint64_t size,
                                              const tally_hash *hashes, size_t count, const tally_hash *root,
                                              tally_error *error);

/**
 * Checks that the newer tree begins with the older one (RFC 6962, 2.1.2). From size 0 only SHA-256("") and
 * an empty proof are accepted; equal sizes need equal roots and an empty proof.
 *
 * @param hashes  as in the RFC, from the smallest subtree up; NULL with count 0
 * @return TALLY_OK; TALLY_E_PROOF it does not, or the number of hashes is wrong; TALLY_E_RANGE old_size above
 *         new_size; TALLY_E_NULL; TALLY_E_LENGTH
 */
TALLY_API tally_status tally_consistency_verify(uint64_t old_size, const tally_hash *old_root, uint64_t new_size,
                                                const tally_hash *new_root, const tally_hash *hashes, size_t count,
                                                tally_error *error);

/* ------------------------------------------------------------------------------ proofs of an event */

/** What a proof proves. Texts of the event are lent by the buffer, its data by the caller's own data. */
typedef struct tally_proven {
    uint64_t position; /**< of the event in the log; the leaf's index */
    uint64_t tree_size;
    tally_hash root;
    tally_hash event_hash;
    uint32_t has_event;  /**< 1: the proof holds core and body, and `event` is set, but for its data */
    uint32_t data_given; /**< 1: data were given and are the event's; `event` has them too, unless they are
                              sealed. Otherwise event.data_state is TALLY_DATA_KEY_MISSING */
    tally_signed signatures;
    tally_event event;
} tally_proven;

/**
 * Checks a proof of an event (C2SP tlog-proof) with nothing but public keys: the note's signatures against the
 * policy, the inclusion of the leaf, that the leaf is that of the core in `extra`, that core and body belong
 * together and to this origin and index; and, when data are given, that they are the event's.
 *
 * A proof does not carry the event's data. `data` is given as stored (salt or nonce in
 * front), since that is what is bound.
 *
 * @param proof   the text, with the line `extra`
 * @param stored  the data as stored; NULL with length 0: not checked
 * @param buffer  receives the bytes that `proven->event` points into; 65 536 are always enough
 * @param proven  zero on failure
 * @return TALLY_OK; TALLY_E_FORMAT, TALLY_E_SIGNATURE, TALLY_E_UNKNOWN_KEY, TALLY_E_ORIGIN, TALLY_E_KEY and the
 *         others of tally_checkpoint_verify; TALLY_E_PROOF the hashes do not lead to the root, or the checkpoint
 *         does not reach the event; TALLY_E_DAMAGED core, body or data do not belong together; TALLY_E_SPACE
 *         with the size needed in error->position
 */
TALLY_API tally_status tally_proof_verify(const char *proof, size_t length, const void *stored, size_t stored_length,
                                          const tally_policy *policy, void *buffer, size_t capacity,
                                          tally_proven *proven, tally_error *error);

/**
 * Checks a proof for an event whose hash is known, as from a receipt: with or without the line `extra`, which is
 * not looked at. So a proof can be handed on that says nothing about the event.
 *
 * @param event_hash  tally_event_hash
 * @param proven      receives position, tree, hash and signatures; `has_event` is 0. Zero on failure
 * @return as tally_proof_verify
 */
TALLY_API tally_status tally_proof_verify_hash(const char *proof, size_t length, const tally_hash *event_hash,
                                               const tally_policy *policy, tally_proven *proven, tally_error *error);

/* ---------------------------------------------------------------------------------------- witnesses */

/**
 * Signs a checkpoint as a witness (C2SP tlog-cosignature, Ed25519): for tests and for small witnesses. The
 * caller has checked that it extends what it signed before.
 *
 * @param skey  of the witness: a private key's text
 * @param time_s  seconds since 1970, stated in the signature
 * @param line    receives one signature line, with its newline
 * @param needed  receives its length, also with TALLY_E_SPACE
 * @return TALLY_OK; TALLY_E_FORMAT and the others of tally_checkpoint_read; TALLY_E_KEY no key of a witness;
 *         TALLY_E_RANGE the time is above 2^63 - 1; TALLY_E_SPACE
 */
TALLY_API tally_status tally_witness_cosign(const char *note, size_t length, tally_text skey, uint64_t time_s,
                                            char *line, size_t capacity, size_t *needed, tally_error *error);

/**
 * The body of an add-checkpoint request to a witness (C2SP tlog-witness): "old <size>", the consistency proof
 * from there, an empty line, the note.
 *
 * @param old_size  that the witness cosigned last, as far as is known; 0: never, or not known
 * @param hashes    the consistency proof; none from size 0 and to the same size
 * @param needed    receives the length of the body, also with TALLY_E_SPACE
 * @return TALLY_OK; TALLY_E_FORMAT and the others of tally_checkpoint_read; TALLY_E_RANGE old_size is above that of
 *         the checkpoint, or there are hashes where nothing is to be proven; TALLY_E_LIMIT more than 63 hashes;
 *         TALLY_E_SPACE
 */
TALLY_API tally_status tally_witness_request(uint64_t old_size, const tally_hash *hashes, size_t count,
                                             const char *note, size_t length, char *body, size_t capacity,
                                             size_t *needed, tally_error *error);

/** What a witness answered. */
#define TALLY_WITNESS_SIGNED 1u    /**< the body holds its cosignatures */
#define TALLY_WITNESS_BEHIND 2u    /**< 409: it knows another size; `old_size` says which. Ask again from there */
#define TALLY_WITNESS_REFUSED 3u   /**< 403, 404, 422 and others: it will not sign this */
#define TALLY_WITNESS_TRY_LATER 4u /**< 5xx, 429 */

/**
 * Reads the answer of a witness and, when it signed, checks each line of a known witness and gives the note
 * with these lines added, once each, in their order.
 *
 * @param http_status  of the answer, 100 to 599
 * @param witnesses    vkey texts; lines of others are left out
 * @param outcome      receives TALLY_WITNESS_…; 0 on failure
 * @param old_size     receives the size of a 409. When it is the one that was asked with, the roots differ
 * @param signed_note  receives the note with the new lines
 * @param needed       receives its length, also with TALLY_E_SPACE; 0 when there is none
 * @return TALLY_OK, also when it refused; TALLY_E_SIGNATURE a cosignature of a known witness does not check;
 *         TALLY_E_UNKNOWN_KEY no line of one; TALLY_E_FORMAT and the others of tally_checkpoint_read; TALLY_E_KEY;
 *         TALLY_E_RANGE no HTTP status; TALLY_E_LIMIT too many lines; TALLY_E_SPACE
 */
TALLY_API tally_status tally_witness_answer(uint32_t http_status, const char *body, size_t body_length,
                                            const char *note, size_t length, const tally_text *witnesses,
                                            size_t witness_count, uint32_t *outcome, uint64_t *old_size,
                                            char *signed_note, size_t capacity, size_t *needed, tally_error *error);

#endif
