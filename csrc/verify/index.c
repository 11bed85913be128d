#include "verify/index.h"

uint64_t tally_index_stream(const tally_index_secret *secret, tally_text stream)
{
    (void)secret, (void)stream;
    return 0;
}
void tally_index_add(tally_index_sums *sums, const tally_index_secret *secret, uint32_t ordinal, uint64_t offset,
                     int64_t time_us, const tally_body_view *body, uint64_t stream)
{
    (void)sums, (void)secret, (void)ordinal, (void)offset, (void)time_us, (void)body, (void)stream;
}
void tally_index_join(tally_index_sums *sums, const tally_index_sums *more) { (void)sums, (void)more; }
tally_status tally_index_check(const tally_segment *segment, const tally_index_sums *sums,
                               const tally_index_secret *secret, const tally_platform *platform, tally_bad *bad,
                               tally_error *error)
{
    (void)segment, (void)sums, (void)secret, (void)platform, (void)bad, (void)error;
    return TALLY_OK;
}
tally_status tally_index_check_run(const tally_view *view, size_t run, const tally_index_secret *secret,
                                   const tally_platform *platform, tally_bad *bad, tally_error *error)
{
    (void)view, (void)run, (void)secret, (void)platform, (void)bad, (void)error;
    return TALLY_OK;
}
