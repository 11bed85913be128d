"""One event is proven to somebody who has nothing but a public key: no store, no network, no trust."""

import tempfile
from pathlib import Path

import tallystick as tally

with tempfile.TemporaryDirectory() as folder:
    path, key_path = Path(folder, "audit.tally"), Path(folder, "audit.key")
    with tally.open(path, name="acme/audit") as store:  # a new store gets its origin, and the key its name
        key = tally.make_key(store.signing().origin)
    key.save(key_path)

    with tally.open(path, signing=tally.Signing(key_path)) as store:
        receipt = store.append("account/42", "account.opened", {"plan": "pro"})
        proof, stored = receipt.proof(), store.get_stored(receipt)
        print("the log says:", store.verify(keys=key.public))

proven = tally.verify_proof(proof.text, key.public, stored)  # anywhere: `proof.text` is text, so is the key
print(f"position {proven.position} of {proven.tree_size}: {proven.event.type} {proven.event.data}")
try:
    tally.verify_proof(proof.text, key.public, stored.replace(b"pro", b"max"))
except tally.DamagedError as error:
    print("with other data:", error)
