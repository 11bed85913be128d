/* Several SHA-256 digests at once: two messages go through the processor side by side, since one alone waits for itself.
 * For who has many to make, as verification has. */
#ifndef TALLY_PROOF_DIGESTS_H
#define TALLY_PROOF_DIGESTS_H

#include "proof/digest.h"

/* H(domain || first || second). */
typedef struct tally_digest_job {
    enum tally_domain domain;
    const void *first;
    size_t first_length;
    const void *second;
    size_t second_length;
    uint8_t *digest; /* receives it; may be what a job after it reads, never one of the same call */
} tally_digest_job;

#define TALLY_DIGEST_JOBS_MAX 4u

/* At most TALLY_DIGEST_JOBS_MAX. */
void tally_digest_jobs(const tally_digest_job *jobs, size_t count);

#endif
