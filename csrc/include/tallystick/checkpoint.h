/**
 * @file checkpoint.h
 * @brief Checkpoints of a store: signing, proving, remembering, verifying.
 *
 *     tally_signing signing = {.size = sizeof signing, .key_path = {"/etc/acme/audit.key", 19}};
 *     tally_store_options options = {.size = sizeof options, .signing = &signing};
 *     tally_store_open("audit.tally", 11, &options, &store, &error);
 *     …
 *     tally_store_prove(store, receipt.position, proof, sizeof proof, &needed, &error);
 *     // whoever has the public key checks `proof` with proof.h, or without this library
 *
 * A checkpoint is the tree's head: origin, number of events, root, signed. The tree is brought up to date off
 * the acknowledging path. A head is signed only at or below the durable watermark, after a commit within 100
 * ms, on request, and at close; never for each event, and no commit waits for it.
 *
 * Two histories are never signed. Beside the key, outside the store, the signer keeps the origin, size and
 * root that it signed last, and signs only what extends it; anything else is TALLY_E_ROLLBACK. So an older copy
 * of the directory that is put back cannot be continued under the same key. A signer that has no such place is
 * reported as unguarded. What is proved, and against whom, is in docs/THREAT-MODEL.md.
 *
 * Without a key everything works and says "unsigned".
 */
#ifndef TALLYSTICK_CHECKPOINT_H
#define TALLYSTICK_CHECKPOINT_H

#include "proof.h"
#include "store.h"
#include "upkeep.h"

/* ------------------------------------------------------------------------------------------ signing */

/** What a signing callback is asked. Everything is lent for the call. */
typedef struct tally_sign_request {
    tally_text note;   /**< the text to be signed: origin, size, root, each with its newline */
    uint64_t old_size; /**< what was signed before; 0: nothing */
    tally_hash old_root;
    uint64_t new_size;
    tally_hash new_root;
    const tally_hash *consistency; /**< that the new tree begins with the old one */
    size_t consistency_count;
} tally_sign_request;

/**
 * Signs a note elsewhere (an HSM, a KMS): Ed25519 over `request->note`. May check the same as the store did
 * (tally_consistency_verify). Runs on the store's thread or on that of tally_store_checkpoint, under no lock; calls for
 * heads and proofs are TALLY_E_WOULD_BLOCK inside it, and a close is deferred, as inside a handler.
 *
 * @return 0 and the signature; anything else: the head stays unsigned and is tried again with the next
 */
typedef int32_t (*tally_signer)(void *user_data, const tally_sign_request *request, uint8_t signature[64]);

/** Told of each new signed note; the mirror. Runs as a tally_signer does. @return 0; anything else is counted as a failed mirror */
typedef int32_t (*tally_mirror)(void *user_data, const char *note, size_t length);

/** tally_signing.flags */
#define TALLY_SIGNING_REQUIRED 1u /**< without a key, or with another log's, the store does not open */
/** A durable append also waits for its head to be signed. When that fails, so does the append, with the reason; its
 * events are durable all the same. */
#define TALLY_SIGNING_EVERY_COMMIT 2u

/** Most further verify keys. */
#define TALLY_VERIFY_KEYS_MAX 16u

/**
 * How heads are signed and remembered; texts are copied at open. Give at most one of the three keys.
 *
 * The key's name is the store's origin, which holds the lineage, which is made with the store. So a new store is
 * opened once without a key; tally_store_signing_get says its origin; tally_key_make makes a key for it; and the
 * store is opened again with that. Opening answers, beyond what store.h says: TALLY_E_KEY, TALLY_E_ORIGIN a key, a
 * note or a memory of another log; TALLY_E_DENIED a key that others may read, or a path into the store's own
 * directory; TALLY_E_NOT_FOUND no key file; TALLY_E_UNSIGNED, TALLY_E_UNKNOWN_KEY against TALLY_SIGNING_REQUIRED;
 * TALLY_E_ROLLBACK the log does not extend what was signed or remembered; TALLY_E_LOCKED another store signs with
 * the same memory; TALLY_E_DAMAGED CHECKPOINTS or the signer's memory. Nothing was changed then.
 *
 * A store that is opened for reading signs nothing; what is remembered and REQUIRED are looked at all the same.
 */
typedef struct tally_signing {
    size_t size;
    tally_text key_path;           /**< a file outside the store, mode 0600, that holds the text of a private key */
    tally_text key_text;           /**< the text itself, as from an environment variable; the caller wipes his */
    tally_signer signer;           /**< or a callback, with `signer_key` */
    void *user_data;               /**< of `signer` */
    tally_text signer_key;         /**< the callback's public key, as vkey text */
    tally_text state_path;         /**< where the last signed head is kept; empty: `key_path` and ".signed" */
    const tally_text *verify_keys; /**< vkey texts of older keys of this log */
    size_t verify_key_count;
    tally_text remembered;      /**< a note that the history must extend; checked at open. Empty: none */
    tally_text remembered_path; /**< the same from a file, which is then kept up to date; outside the store */
    tally_text mirror_path;     /**< each new signed note is written there too (replaced atomically) */
    tally_mirror mirror;        /**< or given to a callback */
    void *mirror_data;
    uint32_t flags; /**< TALLY_SIGNING_… */
    uint32_t reserved;
} tally_signing;

/** How the store's heads stand. */
typedef struct tally_signing_state {
    uint32_t is_signed;   /**< 1: there is a signing key */
    uint32_t is_guarded;  /**< 1: the last signed head is kept outside the store */
    uint64_t tree_size;   /**< events in the tree as far as it has been hashed */
    uint64_t signed_size; /**< of the newest signed head; 0: none */
    uint64_t failures;    /**< signatures that could not be made; the newest reason is in `failure` */
    uint64_t mirror_failures;
    char origin[TALLY_ORIGIN_MAX + 1]; /**< "<name>/<lineage>" */
    char vkey[TALLY_KEY_TEXT_BYTES];   /**< the active key; "" without one */
    char failure[256];
    uint8_t reserved[6];
} tally_signing_state;

/** @return TALLY_OK; TALLY_E_NULL; TALLY_E_CLOSED */
TALLY_API tally_status tally_store_signing_get(tally_store *store, tally_signing_state *state, tally_error *error);

/**
 * The newest checkpoint, made now: syncs, brings the tree up to date, signs (when there is a key) and keeps
 * the note. An unsigned one is a note's text without signature lines, and is not kept.
 *
 * @param note  receives the text, not NUL-terminated
 * @return TALLY_OK; TALLY_E_SPACE with the size needed; TALLY_E_ROLLBACK the signer has signed something that
 *         this log does not extend; TALLY_E_SIGNATURE the callback failed; TALLY_E_READ_ONLY gives the newest
 *         one that is stored instead; TALLY_E_NOT_FOUND read-only, and there is none;
 *         TALLY_E_WOULD_BLOCK inside a handler or gate of the store, or a callback of tally_signing;
 *         as tally_store_sync
 */
TALLY_API tally_status tally_store_checkpoint(tally_store *store, char *note, size_t capacity, size_t *needed,
                                              tally_error *error);

/**
 * A proof (tlog-proof text) that the event at `position` is in the log: against the newest signed checkpoint
 * that covers it; one is made when none does. `extra` holds the event's core and body.
 *
 * @return TALLY_OK; TALLY_E_SPACE; TALLY_E_RANGE no such event, "not in this log"; TALLY_E_UNSIGNED the store has no
 *         key, so there is no head to prove it by; TALLY_E_NOT_FOUND read-only, and no head covers it yet;
 *         as tally_store_checkpoint
 */
TALLY_API tally_status tally_store_prove(tally_store *store, uint64_t position, char *proof, size_t capacity,
                                         size_t *needed, tally_error *error);

/**
 * The consistency proof between two sizes of this log (RFC 6962), and their roots.
 *
 * @param hashes  receives up to TALLY_CONSISTENCY_HASHES_MAX
 * @param roots   receives both roots; may be NULL
 * @return TALLY_OK; TALLY_E_RANGE old_size > new_size, or beyond the durable events; TALLY_E_SPACE
 */
TALLY_API tally_status tally_store_consistency(tally_store *store, uint64_t old_size, uint64_t new_size,
                                               tally_hash *hashes, size_t capacity, size_t *count, tally_hash roots[2],
                                               tally_error *error);

/** An event's data as they are stored (salt or nonce in front): what tally_proof_verify wants. As tally_store_get. */
TALLY_API tally_status tally_store_get_stored(tally_store *store, uint64_t position, void *buffer, size_t capacity,
                                              size_t *needed, tally_error *error);

/**
 * Keeps a note with cosignatures (tally_witness_answer) when it is this log's and its signatures check.
 * @return TALLY_OK; TALLY_E_SIGNATURE; TALLY_E_UNKNOWN_KEY; TALLY_E_ORIGIN; TALLY_E_PROOF not a head of this log;
 *         TALLY_E_READ_ONLY; and others of tally_checkpoint_verify
 */
TALLY_API tally_status tally_store_keep_note(tally_store *store, const char *note, size_t length,
                                             const tally_text *witnesses, size_t witness_count, tally_error *error);

/**
 * Changes the signing key: appends a SYSTEM event that names the new key and the first size that it signs. The
 * head that covers it, and the next one, carry both signatures; later ones by the old key are unknown.
 *
 * @param signing  the new key, as at open
 * @return TALLY_OK; TALLY_E_KEY; TALLY_E_UNSUPPORTED an unsigned store; as tally_store_checkpoint
 */
TALLY_API tally_status tally_store_rotate_key(tally_store *store, const tally_signing *signing, tally_error *error);

/* --------------------------------------------------------------------------------------- verifying */

#define TALLY_VERIFY_FULL 1u  /**< digests of data and bodies, links, indexes against frames, tree, signatures */
#define TALLY_VERIFY_QUICK 2u /**< leaf hashes from cores against the tree, signatures */

/** Why a history is not believed; the first bad place decides. Numbers never change. */
#define TALLY_REASON_NONE 0u
#define TALLY_REASON_DATA_CHANGED 1u
#define TALLY_REASON_BODY_CHANGED 2u
#define TALLY_REASON_CORE_CHANGED 3u
#define TALLY_REASON_LINK_BROKEN 4u
#define TALLY_REASON_ORDER_CHANGED 5u
#define TALLY_REASON_EVENT_MISSING 6u
#define TALLY_REASON_EVENT_ADDED 7u
#define TALLY_REASON_TAIL_TRUNCATED 8u
#define TALLY_REASON_CHECKPOINT_NOT_REACHED 9u
#define TALLY_REASON_BAD_SIGNATURE 10u
#define TALLY_REASON_UNKNOWN_KEY 11u
#define TALLY_REASON_WRONG_ORIGIN 12u
#define TALLY_REASON_ROLLED_BACK 13u
#define TALLY_REASON_SPLIT_VIEW 14u
#define TALLY_REASON_WRONG_KEY_ID 15u
#define TALLY_REASON_INDEX_WRONG 16u
#define TALLY_REASON_UNREADABLE 17u /**< the bytes cannot be read, or checksums fail: damage, or tampering */

/** @return a name like "data_changed"; static; "unknown" for other numbers */
TALLY_API const char *tally_reason_name(uint32_t reason);

typedef struct tally_verify_options {
    size_t size;
    uint32_t mode;          /**< TALLY_VERIFY_FULL (0 too), TALLY_VERIFY_QUICK */
    uint32_t threads;       /**< 0: as many as the machine has, at most 16 */
    const tally_text *keys; /**< vkey texts that are believed; none: signatures are not looked at, and the
                                 report says so */
    size_t key_count;
    tally_text since;        /**< a note that was verified before: begins there, and checks that it is extended */
    tally_progress progress; /**< may be NULL; its answer cancels */
    void *user_data;
    const tally_platform *platform; /**< for tally_verify; NULL: the default */
} tally_verify_options;

typedef struct tally_verify_report {
    uint32_t intact;       /**< 1: nothing is wrong in what was checked */
    uint32_t reason;       /**< TALLY_REASON_… of the first bad place */
    uint64_t position;     /**< of it, or TALLY_POSITION_NONE */
    uint64_t events;       /**< checked */
    uint64_t covered;      /**< of these, before the newest head with a good signature of a believed key */
    uint64_t signed_heads; /**< heads whose signatures were checked */
    uint64_t bytes;
    tally_hash root;                 /**< over all events */
    char message[256];               /**< one sentence */
    char file[TALLY_KEY_TEXT_BYTES]; /**< where the first bad place is, or "" */
    uint64_t offset;                 /**< in it, or TALLY_POSITION_NONE */
} tally_verify_report;

/**
 * Verifies an open store, as far as it is durable when the call begins, while others append. Constant memory.
 * @return TALLY_OK when it was looked at, whatever was found: see report->intact; TALLY_E_INTERRUPTED;
 *         TALLY_E_KEY; TALLY_E_NO_MEMORY; TALLY_E_OPTION
 */
TALLY_API tally_status tally_store_verify(tally_store *store, const tally_verify_options *options,
                                          tally_verify_report *report, tally_error *error);

/** The same for a directory, opened read-only: a store at rest, a backup, or one that is being written. */
TALLY_API tally_status tally_verify(const char *path, size_t path_length, const tally_verify_options *options,
                                    tally_verify_report *report, tally_error *error);

#endif
