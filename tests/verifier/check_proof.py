"""Checks a proof of an event with a public key, offline and without tallystick: from the published formats and
docs/FORMAT.md, with the standard library only.

    python tests/verifier/check_proof.py PROOF VKEY [DATA]

PROOF is a file with the text (C2SP tlog-proof), VKEY the public key of the log as text, or a file with it. DATA is a
file with the event's data as stored, salt or nonce in front: given, they are checked too. Prints what is proven as
JSON; otherwise says why not, and exits with 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from notes1 import Policy, RejectedError
from proofs1 import Proven, verify_proof


def as_json(proven: Proven) -> dict[str, object]:
    shown: dict[str, object] = {
        "position": proven.index,
        "tree_size": proven.size,
        "root": proven.root.hex(),
        "event_hash": proven.event_hash.hex(),
        "signed_by_log": proven.signed.by_log,
        "witnesses": proven.signed.by_witnesses,
    }
    for name, value in (proven.event or {}).items():
        if name in ("stream", "type", "content_type", "tags", "time_us", "version", "schema"):
            shown[name] = value
        elif name in ("id", "correlation", "causation") and value is not None:
            shown[name] = str(value)
    return shown


def text_or_file(given: str) -> str:
    try:
        return Path(given).read_text(encoding="utf-8").strip() if Path(given).is_file() else given
    except OSError:
        return given


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks a proof of an event with a public key, offline.")
    parser.add_argument("proof", type=Path)
    parser.add_argument("vkey")
    parser.add_argument("data", type=Path, nargs="?", help="the event's data as stored")
    parser.add_argument("--witness", action="append", default=[], help="public key of a witness; may be repeated")
    parser.add_argument("--needed", type=int, default=0, help="how many witnesses must have signed")
    parser.add_argument("--origin", default="", help="that the checkpoint must have; the name of the key otherwise")
    given = parser.parse_args()
    witnesses = [text_or_file(one) for one in given.witness]
    policy = Policy([text_or_file(given.vkey)], witnesses, given.needed, given.origin)
    stored = given.data.read_bytes() if given.data else None
    try:
        proven = verify_proof(given.proof.read_bytes(), policy, stored)
    except RejectedError as problem:
        print(f"not proven: {problem}", file=sys.stderr)
        return 1
    print(json.dumps(as_json(proven), ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
