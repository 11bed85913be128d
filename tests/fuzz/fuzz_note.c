/* proof/note.c, key.c, checkpoint.c, witness.c: what is read has one spelling, so that written again it is the same; what
 * a known key is believed to have signed is what it has signed. */
#include <stdlib.h>
#include <string.h>

#include "proof/note.h"
#include "proof_keys.h"

/* Kept in a release build too. */
static void holds(int condition)
{
    if (!condition) abort();
}

static char again[2 * TALLY_NOTE_BYTES_MAX];

static void key(const char *text, size_t size)
{
    tally_public_key read;
    char written[TALLY_KEY_TEXT_BYTES], public_text[TALLY_KEY_TEXT_BYTES];
    tally_error error;
    if (tally_public_key_read((tally_text){text, size}, &read, &error) == TALLY_OK) {
        holds(tally_public_key_write(&read, written, NULL) == TALLY_OK);
        holds(strlen(written) == size && memcmp(written, text, size) == 0);
    } else {
        holds(error.message[0] != '\0');
    }
    if (tally_key_public((tally_text){text, size}, public_text, NULL) == TALLY_OK)
        holds(tally_public_key_read((tally_text){public_text, strlen(public_text)}, &read, NULL) == TALLY_OK);
}

static void note(const char *text, size_t size)
{
    tally_note read;
    tally_checkpoint checkpoint;
    tally_error error = {.status = TALLY_OK};
    if (tally_note_read(text, size, true, &read, &error) != TALLY_OK) {
        holds(error.position == TALLY_POSITION_NONE || error.position <= size);
        return;
    }
    tally_lines_writer writer = {again, sizeof again, 0};
    tally_lines_put(&writer, read.text.bytes, read.text.length);
    if (read.count != 0) tally_lines_put_text(&writer, "\n");
    for (size_t i = 0; i < read.count; i++) {
        tally_lines_put_text(&writer, TALLY_NOTE_DASH);
        tally_lines_put(&writer, read.lines[i].name.bytes, read.lines[i].name.length);
        tally_lines_put_text(&writer, " ");
        tally_lines_put(&writer, read.lines[i].base64.bytes, read.lines[i].base64.length);
        tally_lines_put_text(&writer, "\n");
    }
    holds(writer.needed == size && memcmp(again, text, size) == 0);
    if (tally_checkpoint_read_text(read.text, &checkpoint, &error) != TALLY_OK) return;
    writer.needed = 0;
    tally_checkpoint_put(&writer, checkpoint.origin, checkpoint.size, &checkpoint.root);
    holds(writer.needed <= read.text.length && memcmp(again, text, writer.needed) == 0);
}

static void verify(const char *text, size_t size)
{
    const tally_text log = {LOG_VKEY, sizeof LOG_VKEY - 1}, witness = {WITNESS_VKEY, sizeof WITNESS_VKEY - 1};
    tally_policy policy = {.size = sizeof policy, .keys = &log, .key_count = 1};
    policy.witnesses = &witness;
    policy.witness_count = 1;
    tally_checkpoint checkpoint;
    tally_signed counted;
    tally_error error = {.status = TALLY_OK};
    tally_status status = tally_checkpoint_verify(text, size, &policy, &checkpoint, &counted, &error);
    holds(status == error.status);
    if (status != TALLY_OK) {
        holds(checkpoint.size == 0 && checkpoint.origin.bytes == NULL && counted.by_log == 0);
        return;
    }
    holds(counted.by_log == 1 && counted.by_witnesses <= 1);
    holds(checkpoint.origin.length == sizeof ORIGIN - 1 &&
          memcmp(checkpoint.origin.bytes, ORIGIN, sizeof ORIGIN - 1) == 0);
}

static void answer(const char *text, size_t size)
{
    static const char asked[] = "o\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n" TALLY_NOTE_DASH "x AAAAAAAA\n";
    const tally_text witness = {WITNESS_VKEY, sizeof WITNESS_VKEY - 1};
    static const uint32_t codes[] = {200, 409, 500};
    for (size_t i = 0; i < 3; i++) {
        uint32_t outcome;
        uint64_t old_size;
        size_t needed;
        tally_status status = tally_witness_answer(codes[i], text, size, asked, sizeof asked - 1, &witness, 1, &outcome,
                                                   &old_size, again, sizeof again, &needed, NULL);
        holds((status == TALLY_OK) == (outcome != 0));
        holds(outcome != TALLY_WITNESS_SIGNED); /* the witness has not signed this one */
        holds(old_size == 0 || outcome == TALLY_WITNESS_BEHIND);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    if (size > TALLY_NOTE_BYTES_MAX) return 0;
    key(text, size);
    note(text, size);
    verify(text, size);
    answer(text, size);
    return 0;
}
