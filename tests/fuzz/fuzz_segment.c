/* One segment whose bytes were changed: opened, scanned commit by commit, indexed and looked up in. What a scan
 * believes has checked, and no scan goes on for ever. */
#include "damage.h"

#include "log/chain.h"
#include "log/evidence.h"
#include "log/recover.h"
#include "log/scan.h"

static void scan_it(const tally_segment *segment)
{
    tally_scan scan;
    enum tally_scanned what = TALLY_SCANNED_COMMIT;
    tally_error why, error;
    uint64_t before = 0;
    holds(tally_scan_begin(&scan, segment, TALLY_SEGMENT_HEADER_BYTES, segment->header.first_position,
                           segment->header.first_commit, &error) == TALLY_OK);
    while (what == TALLY_SCANNED_COMMIT) {
        holds(scan.offset > before);
        before = scan.offset;
        holds(tally_scan_next(&scan, &what, &why, &error) == TALLY_OK);
    }
    holds(why.status != TALLY_OK && why.message[0] != '\0');
    holds(scan.offset == before);
    /* Every event of every commit can be read again. */
    for (uint64_t at = TALLY_SEGMENT_HEADER_BYTES; at < scan.offset;) {
        const uint8_t *bytes;
        size_t available;
        tally_frame frame;
        holds(tally_scan_bytes(&scan, at, TALLY_MARK_BYTES, &bytes, &available, &error) == TALLY_OK);
        if (tally_frame_kind_at(bytes, available) == TALLY_FRAME_MARK) {
            at += TALLY_MARK_BYTES;
            continue;
        }
        holds(tally_scan_frame(&scan, at, &frame, &error) == TALLY_OK);
        at += frame.length;
    }
    tally_scan_end(&scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tally_platform *world = damage_apply(data, size, 1);
    tally_folder folder;
    tally_chain chain;
    tally_evidence evidence;
    tally_found found, again;
    tally_error error;
    holds(tally_folder_init(&folder, world, "/s", 2, 0600, NULL) == TALLY_OK);
    for (uint64_t number = 0; number < 2; number++) {
        tally_segment *segment;
        for (uint32_t map = TALLY_MAP_SEALED; map <= TALLY_MAP_NEVER; map++) {
            if (tally_segment_open(&folder, number, 0, TALLY_CHECK_ALWAYS, map, false, &segment, &error) != TALLY_OK) {
                continue;
            }
            scan_it(segment);
            tally_segment_release(segment);
        }
    }
    holds(tally_chain_open(&chain, &folder, TALLY_CHECK_ALWAYS, TALLY_MAP_NEVER, 0, &error) == TALLY_OK);
    holds(tally_evidence_gather(&chain, &evidence, &error) == TALLY_OK);
    holds(evidence.proven <= chain.next_position);
    tally_chain_free(&chain);
    /* A recovery that worked is over: the next one finds the same and cuts nothing. */
    if (tally_recover(&folder, TALLY_CHECK_ALWAYS, TALLY_MAP_NEVER, &found, &error) == TALLY_OK) {
        holds(tally_recover(&folder, TALLY_CHECK_ALWAYS, TALLY_MAP_NEVER, &again, &error) == TALLY_OK);
        holds(again.report.cut == 0 && again.next_position == found.next_position);
        holds(again.next_commit == found.next_commit && memcmp(again.last_hash, found.last_hash, 32) == 0);
        tally_found_release(&again);
        tally_found_release(&found);
    }
    holds(tally_platform_memory_close(&world) == TALLY_OK);
    return 0;
}
