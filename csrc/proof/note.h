/* Signed notes (C2SP signed-note): a text, an empty line, signature lines. */
#ifndef TALLY_PROOF_NOTE_H
#define TALLY_PROOF_NOTE_H

#include <tallystick/proof.h>

#include "proof/key.h"

/* "— ", U+2014 and a space. */
#define TALLY_NOTE_DASH "\xE2\x80\x94 "

/* Longest message that a witness signs: two lines, with a time of 19 digits, and the text of a checkpoint. */
#define TALLY_COSIGNED_MAX (TALLY_CHECKPOINT_TEXT_MAX + 64)

typedef struct tally_note_line {
    tally_text name;
    tally_text base64;               /* of key id and signature */
    uint8_t id[TALLY_KEY_ID_PREFIX]; /* of the key */
} tally_note_line;

/* All lent by the text. An unsigned note is a text that ends with a newline and has no empty last line. */
typedef struct tally_note {
    tally_text text;       /* with its last newline */
    tally_text signatures; /* all lines as they are */
    size_t count;
    tally_note_line lines[TALLY_SIGNATURES_MAX];
} tally_note;

/* TALLY_E_NULL, E_LENGTH; TALLY_E_FORMAT, E_UTF8, E_LIMIT with the byte of the note in error->position. `unsigned_too`
 * accepts a text alone. */
tally_status tally_note_read(const char *note, size_t length, bool unsigned_too, tally_note *read, tally_error *error);
/* Signature lines alone, as a witness answers. */
tally_status tally_note_read_lines(tally_text lines, tally_note *read, tally_error *error);

enum tally_line_verdict { TALLY_LINE_OTHER, TALLY_LINE_GOOD, TALLY_LINE_BAD };
/* Whether a line is by this key, and good. `*time_s` is what a cosignature states, else 0. */
enum tally_line_verdict tally_note_line_verify(const tally_note_line *line, tally_text text,
                                               const tally_public_key *key, uint64_t *time_s);

/* Writes what a witness signs: "cosignature/v1", the time, the text. */
void tally_note_put_cosigned(tally_lines_writer *writer, uint64_t time_s, tally_text text);
/* Writes one signature line. */
void tally_note_put_line(tally_lines_writer *writer, const tally_public_key *key, const uint8_t *signature,
                         size_t length);
/* Ed25519 over the text of a note. */
void tally_note_sign(const tally_private_key *key, tally_text text, uint8_t signature[TALLY_SIGNATURE_BYTES]);

/* Reads the text of a note as a checkpoint. */
tally_status tally_checkpoint_read_text(tally_text text, tally_checkpoint *checkpoint, tally_error *error);
/* Writes it: three lines. */
void tally_checkpoint_put(tally_lines_writer *writer, tally_text origin, uint64_t size, const tally_hash *root);
/* Checks the signatures of a note that was read. */
tally_status tally_note_verify(const tally_note *note, const tally_policy *policy, const tally_checkpoint *checkpoint,
                               tally_signed *signatures, tally_error *error);
/* Copies the policy by the rules of option structs and checks its numbers. */
tally_status tally_policy_read(const tally_policy *policy, tally_policy *copy, tally_error *error);

#endif
