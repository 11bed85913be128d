/* Verifying a whole store against the digests that it is made of. */
#ifndef BENCH_PROOFS_VERIFY_H
#define BENCH_PROOFS_VERIFY_H

void bench_verify(const char *store_path, const char *vkey);

#endif
