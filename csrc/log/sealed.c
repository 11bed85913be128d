#include "log/sealed.h"

/* Until sealing writes sections there is none to read: every answer comes from the frames. */
enum tally_answer tally_sealed_place(const tally_segment *segment, uint32_t ordinal, uint64_t *offset, uint64_t *limit)
{
    (void)segment, (void)ordinal, (void)offset, (void)limit;
    return TALLY_ANSWER_DAMAGED;
}
enum tally_answer tally_sealed_time(const tally_segment *segment, uint32_t ordinal, int64_t *time_us)
{
    (void)segment, (void)ordinal, (void)time_us;
    return TALLY_ANSWER_DAMAGED;
}
enum tally_answer tally_sealed_candidate(const tally_segment *segment, bool idempotency, const uint8_t value[16],
                                         uint32_t before, uint32_t *ordinal)
{
    (void)segment, (void)idempotency, (void)value, (void)before, (void)ordinal;
    return TALLY_ANSWER_DAMAGED;
}
enum tally_answer tally_sealed_find(const tally_segment *segment, const tally_key *key, tally_entry *entry)
{
    (void)segment, (void)key, (void)entry;
    return TALLY_ANSWER_DAMAGED;
}
enum tally_answer tally_sealed_record(const tally_segment *segment, uint32_t number, tally_entry *entry)
{
    (void)segment, (void)number, (void)entry;
    return TALLY_ANSWER_DAMAGED;
}
enum tally_answer tally_sealed_name(const tally_segment *segment, uint32_t number, uint32_t *kind, char *name,
                                    size_t *length)
{
    (void)segment, (void)number, (void)kind, (void)name, (void)length;
    return TALLY_ANSWER_DAMAGED;
}
enum tally_answer tally_sealed_search(const tally_segment *segment, const tally_key *key, bool behind,
                                      uint32_t *number)
{
    (void)segment, (void)key, (void)behind, (void)number;
    return TALLY_ANSWER_DAMAGED;
}
