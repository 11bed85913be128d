/* What the harnesses of notes and proofs believe: the key of the log and of a witness in tests/vectors/proof.json, and
 * the only text that the log has signed there as its largest. */
#ifndef TALLY_FUZZ_PROOF_KEYS_H
#define TALLY_FUZZ_PROOF_KEYS_H

#define LOG_VKEY "acme/202122232425262728292a2b2c2d2e2f+77918545+AUAEcDXl1IV/6n9ZJPdoB+JgB5CwXIaAX8olg1aACquO"
#define WITNESS_VKEY "witness.example/one+805f14f9+BBdEQCpPDMxIeY7uP/jtycFUcYbbJzjnrZ6BlLknYgkg"
#define ORIGIN "acme/202122232425262728292a2b2c2d2e2f"

#endif
