"""What the tests of proofs share: signed logs, and the independent verifier."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tallystick as tally
from tallystick import Key, Signing, SignRequest, Store

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "verifier"))

import ed25519  # noqa: E402
import notes1  # noqa: E402
import proofs1  # noqa: E402
import verify_store  # noqa: E402

__all__ = ["ROOT", "Log", "ed25519", "make_log", "notes1", "proofs1", "verify_store"]


@dataclass
class Log:
    """A store's directory with a key for it."""

    path: Path
    key_path: Path
    key: Key

    def open(self, signing: Signing | None = None, **options: Any) -> Store:
        return tally.open(self.path, signing=signing or Signing(self.key_path), **options)

    def sign(self, request: SignRequest) -> bytes:
        """As an HSM would."""
        return ed25519.sign(notes1.read_skey(self.key.private)[1], request.note)

    def signer(self, sign: Callable[[SignRequest], bytes] | None = None, **options: Any) -> Signing:
        options.setdefault("state_path", self.key_path.with_suffix(".state"))
        return Signing(signer=sign or self.sign, verify_key=self.key.public, **options)


def make_log(folder: Path, events: int = 3, name: str = "log") -> Log:
    path, key_path = folder / name, folder / f"{name}.key"
    with tally.open(path, name="acme") as store:
        key = tally.make_key(store.signing().origin)
        for n in range(events):
            store.append(f"account/{n % 2}", "account.used", {"n": n}, tags=["region:eu"])
    key.save(key_path)
    return Log(path, key_path, key)
