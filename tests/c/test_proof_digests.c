/* Digests that are made together are those that are made alone. */
#include "test.h"

#include "proof/digests.h"

static uint8_t bytes[4096];

static void fill(void)
{
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 131 + i / 251);
}

TEST(digests_made_together_are_those_made_alone_for_all_lengths)
{
    fill();
    for (size_t first = 0; first < 700; first += first < 140 ? 1 : 37) {
        for (size_t second = 0; second < 700; second += second < 80 ? 7 : 61) {
            uint8_t made[4][32], wanted[32];
            tally_digest_job jobs[] = {{TALLY_DOMAIN_BODY, bytes, first, NULL, 0, made[0]},
                                       {TALLY_DOMAIN_DATA, bytes + 1, second, bytes + 900, first, made[1]},
                                       {TALLY_DOMAIN_LEAF, bytes + 2, 112, NULL, 0, made[2]},
                                       {TALLY_DOMAIN_NODE, bytes + 3, 32, bytes + 800, 32, made[3]}};
            for (size_t count = 1; count <= 4; count++) {
                memset(made, 0, sizeof made);
                tally_digest_jobs(jobs, count);
                for (size_t i = 0; i < count; i++) {
                    tally_digest_two(TALLY_DIGEST_SHA256, jobs[i].domain, jobs[i].first, jobs[i].first_length,
                                     jobs[i].second, jobs[i].second_length, wanted);
                    CHECK_BYTES(made[i], wanted, 32);
                }
            }
        }
    }
    tally_digest_jobs(NULL, 0);
}

TEST(nodes_are_folded_in_place)
{
    uint8_t nodes[8][32], wanted[4][32];
    fill();
    memcpy(nodes, bytes, sizeof nodes);
    for (size_t i = 0; i < 4; i++) tally_digest_node(nodes[2 * i], nodes[2 * i + 1], wanted[i]);
    tally_digest_job jobs[4];
    for (size_t i = 0; i < 4; i++)
        jobs[i] = (tally_digest_job){TALLY_DOMAIN_NODE, nodes[2 * i], 32, nodes[2 * i + 1], 32, nodes[i]};
    tally_digest_jobs(jobs, 4);
    CHECK_BYTES(nodes, wanted, sizeof wanted);
}
