#include <sodium.h>

#include "log/crc32c.h"
#include "proof/digest.h"
#include "proof/sha256.h"
#include "test.h"

static void hex(const uint8_t *bytes, size_t length, char *text)
{
    for (size_t i = 0; i < length; i++) snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static void sha256(const void *data, size_t length, uint8_t digest[32])
{
    tally_sha256 hash;
    tally_sha256_init(&hash);
    tally_sha256_update(&hash, data, length);
    tally_sha256_final(&hash, digest);
}

/* FIPS 180-4 examples and the empty message. */
TEST(sha256_gives_the_published_digests)
{
    static const struct {
        const char *message;
        const char *digest;
    } vectors[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint8_t digest[32];
        char text[65];
        sha256(vectors[i].message, strlen(vectors[i].message), digest);
        hex(digest, 32, text);
        CHECK_TEXT(text, vectors[i].digest);
    }
}

TEST(sha256_agrees_with_libsodium_for_every_length_and_every_split)
{
    uint8_t data[700];
    randombytes_buf(data, sizeof data);
    for (size_t length = 0; length <= sizeof data; length++) {
        uint8_t expected[32], whole[32], parts[32];
        tally_sha256_portable(data, length, expected);
        sha256(data, length, whole);
        tally_sha256 hash;
        tally_sha256_init(&hash);
        for (size_t at = 0; at < length;) {
            size_t step = 1 + randombytes_uniform(130);
            if (step > length - at) step = length - at;
            tally_sha256_update(&hash, data + at, step);
            at += step;
        }
        tally_sha256_final(&hash, parts);
        CHECK(memcmp(expected, whole, 32) == 0);
        CHECK(memcmp(expected, parts, 32) == 0);
    }
}

/* RFC 6962, 2.1: the hash of an empty leaf, and of a node over two of them. */
TEST(digests_of_few_bytes_take_a_shorter_way_to_the_same)
{
    uint8_t bytes[200], is[32], wanted[32];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7 + 3);
    for (size_t length = 0; length < 140; length++) {
        for (size_t split = 0; split <= length; split += 5) {
            bytes[0] = TALLY_DOMAIN_BODY;
            tally_sha256_portable(bytes, length + 1, wanted);
            tally_digest_two(TALLY_DIGEST_SHA256, TALLY_DOMAIN_BODY, bytes + 1, split, bytes + 1 + split,
                             length - split, is);
            CHECK_BYTES(is, wanted, sizeof is);
        }
    }
}

TEST(tree_hashes_are_those_of_rfc_6962)
{
    uint8_t leaf[32], node[32], expected[32], input[65] = {1};
    char text[65];
    tally_digest(TALLY_DIGEST_SHA256, TALLY_DOMAIN_LEAF, NULL, 0, leaf);
    hex(leaf, 32, text);
    CHECK_TEXT(text, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    tally_digest_node(leaf, leaf, node);
    memcpy(input + 1, leaf, 32);
    memcpy(input + 33, leaf, 32);
    tally_sha256_portable(input, sizeof input, expected);
    CHECK(memcmp(node, expected, 32) == 0);
}

TEST(two_pieces_hash_like_one_in_both_algorithms)
{
    uint8_t data[100], one[32], two[32];
    randombytes_buf(data, sizeof data);
    for (uint32_t algorithm = TALLY_DIGEST_SHA256; algorithm <= TALLY_DIGEST_BLAKE2B; algorithm++) {
        for (size_t cut = 0; cut <= sizeof data; cut++) {
            tally_digest(algorithm, TALLY_DOMAIN_DATA, data, sizeof data, one);
            tally_digest_two(algorithm, TALLY_DOMAIN_DATA, data, cut, data + cut, sizeof data - cut, two);
            CHECK(memcmp(one, two, 32) == 0);
        }
    }
}

TEST(domains_and_algorithms_never_give_the_same_digest)
{
    uint8_t digests[10][32];
    size_t count = 0;
    for (uint32_t algorithm = TALLY_DIGEST_SHA256; algorithm <= TALLY_DIGEST_BLAKE2B; algorithm++) {
        for (int domain = TALLY_DOMAIN_LEAF; domain <= TALLY_DOMAIN_ASSOCIATED; domain++) {
            tally_digest(algorithm, (enum tally_domain)domain, "same", 4, digests[count++]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) CHECK(memcmp(digests[i], digests[j], 32) != 0);
    }
}

/* RFC 3720, B.4. */
TEST(crc32c_gives_the_published_checksums)
{
    uint8_t zeros[32] = {0}, ones[32], rising[32];
    memset(ones, 0xff, sizeof ones);
    for (uint8_t i = 0; i < 32; i++) rising[i] = i;
    CHECK_EQ(tally_crc32c(TALLY_CRC_START, "123456789", 9), 0xe3069283u);
    CHECK_EQ(tally_crc32c(TALLY_CRC_START, zeros, 32), 0x8a9136aau);
    CHECK_EQ(tally_crc32c(TALLY_CRC_START, ones, 32), 0x62a8ab43u);
    CHECK_EQ(tally_crc32c(TALLY_CRC_START, rising, 32), 0x46dd794eu);
}

TEST(crc32c_is_the_same_with_and_without_the_instruction)
{
    uint8_t data[300];
    randombytes_buf(data, sizeof data);
    for (size_t length = 0; length <= sizeof data; length++) {
        size_t skip = length == 0 ? 0 : randombytes_uniform((uint32_t)length);
        uint32_t fast =
            tally_crc32c_update(tally_crc32c_update(TALLY_CRC_START, data, skip), data + skip, length - skip);
        CHECK_EQ(fast, tally_crc32c_update_portable(TALLY_CRC_START, data, length));
    }
}
