#!/bin/sh
# Writes the golden stores anew: only when the format changes knowingly, before 1.0. The core writes the segments by
# the recipes of tests/c/test_golden_stores.c; the independent reader says what is in them.
set -eu
cd "$(dirname "$0")/../.."
stores=tests/vectors/stores
make -s out/debug/tests/test_golden_stores
mkdir -p $stores
TALLY_GOLDEN_WRITE=$stores out/debug/tests/test_golden_stores byte_by_byte
for store in "$stores"/*/; do
    python3 tests/verifier/read_store.py --short "$store" >"${store%/}.jsonl"
done
out/debug/tests/test_golden_stores
