"""Writes proof.json: keys, notes, checkpoints, Merkle proofs, proofs of events and answers of witnesses, good and bad,
each with the status that a reader of them gives. Made by the independent reader of tests/verifier, which agrees with
each expectation, and not by the core. See README.md.

    out/venv/bin/python tests/vectors/make_proofs.py
"""

from __future__ import annotations

import base64
import json
import struct
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "verifier"))

import ed25519  # noqa: E402
import notes1  # noqa: E402
import proofs1  # noqa: E402
from notes1 import LOG, WITNESS, Policy, RejectedError  # noqa: E402

Case = dict[str, Any]
LINEAGE = bytes(range(32, 48))
ORIGIN = f"acme/{LINEAGE.hex()}"


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def seed_of(name: str) -> bytes:
    return sha256(f"seed of {name}".encode()).digest()


class Signer:
    def __init__(self, name: str, kind: int = LOG, seed: bytes | None = None) -> None:
        self.seed = seed or seed_of(name)
        self.skey = notes1.skey_of(name, kind, self.seed)
        self.vkey = notes1.vkey_of(name, kind, ed25519.public_key(self.seed))
        self.key = notes1.read_vkey(self.vkey)

    def line(self, text: str, time: int = 0) -> str:
        if self.key.kind == LOG:
            return notes1.line_of(self.key, ed25519.sign(self.seed, text.encode()))
        signature = ed25519.sign(self.seed, notes1.cosigned(text, time))
        return notes1.line_of(self.key, time.to_bytes(8, "big") + signature)


LOG_KEY = Signer(ORIGIN)
NEXT_KEY = Signer(ORIGIN, seed=seed_of("the next key"))
OTHER = Signer("other/" + "00" * 16)
ONE, TWO = Signer("witness.example/one", WITNESS), Signer("witness.example/zwei-ü", WITNESS)
ALIAS = Signer("witness.example/alias", WITNESS, ONE.seed)

# ---------------------------------------------------------------------------------------------------------- a log


def body_of(number: int, data: bytes) -> tuple[bytes, bytes]:
    """A body, and the data as stored."""
    stored = bytes([number]) * 16 + data
    identity = bytes.fromhex("0190a0b0c0d07000800000000000") + number.to_bytes(2, "big")
    names = [b"account/42", "order/é".encode()][number % 2], b"account.opened"
    tags = [b"actor:ada", b"region:eu"][: number % 3]
    body = identity + identity + bytes(16)
    body += struct.pack("<IBBBBQQ", number % 3, 0, 0, len(tags), 0, len(data), len(stored))
    body += sha256(b"\3" + stored).digest()
    body += struct.pack("<HHHH", len(names[0]), len(names[1]), 16, 0)
    body += names[0] + names[1] + b"application/json"
    return body + b"".join(struct.pack("<H", len(tag)) + tag for tag in tags), stored


def make_log(count: int) -> list[tuple[bytes, bytes, bytes]]:
    log: list[tuple[bytes, bytes, bytes]] = []
    for number in range(count):
        body, stored = body_of(number, b'{"n":%d}' % number)
        before = proofs1.leaf_of(log[number - 2][0]) if number >= 2 else bytes(32)
        time = 1_700_000_000_000_000 + number
        core = struct.pack("<BBHIQQqIIII", 1, 1, 0, 0, number, number // 2, time, 0, 0, 1, 0)
        core += before + sha256(b"\2" + body).digest()
        log.append((core, body, stored))
    return log


EVENTS = make_log(11)
LEAVES = [proofs1.leaf_of(core) for core, _, _ in EVENTS]


def text_of(origin: str = ORIGIN, size: int | str = 11, root: bytes | str | None = None, more: str = "") -> str:
    if root is None:
        root = proofs1.root_of(LEAVES[: int(size)])
    return f"{origin}\n{size}\n{root if isinstance(root, str) else b64(root)}\n{more}"


TEXT = text_of()
GOOD = f"{TEXT}\n{LOG_KEY.line(TEXT)}"
LONE = ONE.line(TEXT, 1_700_000_100), TWO.line(TEXT, 1_700_000_050)


WRONG: list[str] = []


def status_of(run: Any) -> tuple[str, Any]:
    try:
        return "OK", run()
    except RejectedError as problem:
        return problem.status, None


def expect(name: str, wanted: str, run: Any) -> Any:
    found, result = status_of(run)
    if found != wanted:
        WRONG.append(f"{name}: the verifier says {found}, expected {wanted}")
    return result


# ----------------------------------------------------------------------------------------------------------- keys

SMALL = {
    "neutral": "01" + "00" * 31,
    "order 2": "ec" + "ff" * 30 + "7f",
    "zero": "00" * 32,
    "order 8": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "order 8, second": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "not canonical": "ee" + "ff" * 30 + "7f",
    "not canonical 0": "ed" + "ff" * 30 + "7f",
    "negative zero": "01" + "00" * 30 + "80",
    "no point": "02" + "00" * 31,
}


def mixed_key() -> bytes:
    """A good key and a point of order 2: it is on the curve, and not in the group."""
    good, two = ed25519.decode(LOG_KEY.key.public), ed25519.decode(bytes.fromhex(SMALL["order 2"]))
    assert good is not None
    assert two is not None
    return ed25519.encode(ed25519.add(good, two))


def key_cases() -> Iterator[Case]:
    """`text` is read as a public key, or as a private one."""
    peter = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    name, digits, key = peter.split("+", 2)
    raw = base64.b64decode(key)
    cases: list[tuple[str, str, str]] = [
        ("of Go's sumdb/note", peter, "OK"),
        ("of Go's sumdb/note, another", "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop", "OK"),
        ("of the log", LOG_KEY.vkey, "OK"),
        ("of a witness", TWO.vkey, "OK"),
        ("empty", "", "E_KEY"),
        ("upper case digits", f"{name}+{digits.upper()}+{key}", "E_KEY"),
        ("other digits", f"{name}+c74f20a4+{key}", "E_KEY"),
        ("seven digits", f"{name}+c74f20a+{key}", "E_KEY"),
        ("nine digits", f"{name}+c74f20a30+{key}", "E_KEY"),
        ("no digits", f"{name}+{key}", "E_KEY"),
        ("another name", f"PeterNeuman+{digits}+{key}", "E_KEY"),
        ("no name", f"+{digits}+{key}", "E_KEY"),
        ("space in the name", notes1.vkey_of("a b", LOG, raw[1:]), "E_KEY"),
        ("wide space in the name", notes1.vkey_of("a\u3000b", LOG, raw[1:]), "E_KEY"),
        ("newline in the name", notes1.vkey_of("a\nb", LOG, raw[1:]), "E_KEY"),
        ("control character in the name", notes1.vkey_of("a\x7fb", LOG, raw[1:]), "E_KEY"),
        ("longest name", notes1.vkey_of("n" * 153, LOG, raw[1:]), "OK"),
        ("too long a name", notes1.vkey_of("n" * 154, LOG, raw[1:]), "E_KEY"),
        ("name of another script", notes1.vkey_of("日誌/é", LOG, raw[1:]), "OK"),
        ("31 bytes", f"{name}+{digits}+{b64(raw[:-1])}", "E_KEY"),
        ("33 bytes", f"{name}+{digits}+{b64(raw + b'x')}", "E_KEY"),
        ("a letter that is not ASCII", f"{name}+{digits}+{key[:20]}é{key[22:]}", "E_KEY"),
        ("url-safe base64", f"{name}+{digits}+{key.replace('/', '_')}", "E_KEY"),
        ("newline behind", peter + "\n", "E_KEY"),
        ("space before", " " + peter, "E_KEY"),
        ("a private key", secret, "E_KEY"),
        *((f"type {kind}", notes1.vkey_of("a", kind, raw[1:]), "E_KEY") for kind in (0, 2, 3, 5, 6, 255)),
        *((f"{what}", notes1.vkey_of("a", LOG, bytes.fromhex(point)), "E_KEY") for what, point in SMALL.items()),
        ("outside of the group", notes1.vkey_of("a", LOG, mixed_key()), "E_KEY"),
        ("small, of a witness", notes1.vkey_of("a", WITNESS, bytes.fromhex(SMALL["neutral"])), "E_KEY"),
    ]
    for what, text, status in cases:
        expect(what, status, lambda text=text: notes1.read_vkey(text))
        yield {"name": what, "text": text, "status": status}
    private: list[tuple[str, str, str]] = [
        ("private, of Go's sumdb/note", secret, "OK"),
        ("private, with a newline", secret + "\n", "OK"),
        ("private, with a newline of Windows", secret + "\r\n", "OK"),
        ("private, of a witness", ONE.skey, "OK"),
        ("private, of the log", LOG_KEY.skey, "OK"),
        ("private, two newlines", secret + "\n\n", "E_KEY"),
        ("private, other digits", secret.replace("c74f", "c74e"), "E_KEY"),
        ("private, another name", secret.replace("Peter", "Pater"), "E_KEY"),
        ("private, another secret", secret.replace("DFz", "DFA"), "E_KEY"),
        ("private, lower case", secret.replace("PRIVATE", "private"), "E_KEY"),
        ("private, a public key", peter, "E_KEY"),
        ("private, type 2", notes1.skey_of("a", 2, bytes(32)), "E_KEY"),
        ("private, cut", secret[:-4], "E_KEY"),
        ("private, empty", "", "E_KEY"),
    ]
    for what, text, status in private:
        read = expect(what, status, lambda text=text: notes1.read_skey(text))
        public = "" if read is None else notes1.vkey_of(read[0].name, read[0].kind, read[0].public)
        yield {"name": what, "text": text, "private": True, "status": status, "vkey": public}


# ---------------------------------------------------------------------------------------------------- checkpoints


def altered(line: str, at: int, bit: int = 1) -> str:
    """A signature line with a byte of its signature changed."""
    mark, name, encoded = line.rstrip("\n").split(" ")
    raw = bytearray(base64.b64decode(encoded))
    raw[at] ^= bit
    return f"{mark} {name} {b64(bytes(raw))}\n"


def high_s(line: str) -> str:
    """S plus the order: the same signature, not canonical."""
    mark, name, encoded = line.rstrip("\n").split(" ")
    raw = base64.b64decode(encoded)
    s = int.from_bytes(raw[-32:], "little") + ed25519.ORDER
    return f"{mark} {name} {b64(raw[:-32] + s.to_bytes(32, 'little'))}\n"


def small_r(signer: Signer, text: str) -> str:
    """R of order 1, and S that fits it: only one who checks R refuses."""
    r = bytes.fromhex(SMALL["neutral"])
    scalar, _ = ed25519.expand(signer.seed)
    s = ed25519.hash_to_number(r, signer.key.public, text.encode()) * scalar % ed25519.ORDER
    return notes1.line_of(signer.key, r + s.to_bytes(32, "little"))


def no_padding(line: str) -> str:
    return line.rstrip("=\n") + "\n"


def stray_bits(line: str) -> str:
    """The last character before the padding stands for bits that are not there."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = line.rstrip("=\n")
    padding = line[len(body) :]
    return body[:-1] + letters[letters.index(body[-1]) + 1] + padding


def note(text: str, *lines: str) -> str:
    return text + "\n" + "".join(lines)


def plain(text: str, *more: str, signer: Signer = LOG_KEY) -> str:
    return note(text, signer.line(text), *more)


def checkpoint_cases() -> Iterator[Case]:
    line = LOG_KEY.line(TEXT)
    unknown = OTHER.line(TEXT)
    long_name = f"— {'x' * 400} {line.rstrip().split(' ')[2]}\n"
    pq = f"— pq.example {b64(b'abcd' + bytes(2428))}\n"
    good: list[tuple[str, str, Case]] = [
        ("as the log signs it", GOOD, {}),
        ("size 0", plain(text_of(size=0)), {}),
        ("size 1", plain(text_of(size=1)), {}),
        ("largest size", plain(text_of(size=2**63 - 1, root=bytes(32))), {}),
        ("extension lines", plain(text_of(more="extended\nmore +/ é\n")), {}),
        ("a key of another name, with an origin", note(TEXT, OTHER.line(TEXT)),
         {"keys": [OTHER.vkey], "origin": ORIGIN}),
        ("unknown lines before and behind", note(TEXT, unknown, line, unknown), {}),
        ("a line twice", note(TEXT, line, line), {}),
        ("both keys of a rotation", note(TEXT, line, NEXT_KEY.line(TEXT)), {"keys": [LOG_KEY.vkey, NEXT_KEY.vkey]}),
        ("the second of two keys", note(TEXT, NEXT_KEY.line(TEXT)), {"keys": [LOG_KEY.vkey, NEXT_KEY.vkey]}),
        ("a key named twice", GOOD, {"keys": [LOG_KEY.vkey, LOG_KEY.vkey]}),
        ("an unknown line of a long name", note(TEXT, long_name, line), {}),
        ("an unknown line with a post-quantum signature", note(TEXT, line, pq), {}),
        ("a name that is ours, an id that is not", note(TEXT, altered(line, 0), line), {}),
        ("an id that is ours, a name that is not", note(TEXT, line.replace("acme", "acmf"), line), {}),
        ("16 lines", note(TEXT, *[unknown] * 15, line), {}),
        ("64 lines", note(TEXT, *[unknown] * 63, line), {}),
        ("one witness", note(TEXT, line, LONE[0]), {"witnesses": [ONE.vkey], "needed": 1}),
        ("two witnesses", note(TEXT, line, *LONE), {"witnesses": [ONE.vkey, TWO.vkey], "needed": 2}),
        ("one of two witnesses", note(TEXT, line, LONE[1]), {"witnesses": [ONE.vkey, TWO.vkey], "needed": 1}),
        ("a witness twice", note(TEXT, line, LONE[0], ONE.line(TEXT, 1_700_000_200)),
         {"witnesses": [ONE.vkey], "needed": 1}),
        ("witnesses, and none needed", GOOD, {"witnesses": [ONE.vkey]}),
        ("a witness of the largest time", note(TEXT, line, ONE.line(TEXT, 2**63 - 1)), {"witnesses": [ONE.vkey]}),
        ("a text as long as it may be", plain(text_of(more="x" * (4096 - len(TEXT) - 1) + "\n")), {}),
    ]  # fmt: skip
    for name, text, policy in good:
        yield {"name": name, "note": text, "status": "OK", **policy}
    root = b64(proofs1.root_of(LEAVES))
    head, tail = f"{ORIGIN}\n11\n", f"\n{line}"
    forms = [
        ("an empty text", ""),
        ("only a newline", "\n"),
        ("no signatures", TEXT),
        ("an empty line and no signatures", TEXT + "\n"),
        ("no empty line", TEXT + line),
        ("the last newline is missing", GOOD[:-1]),
        ("an empty line behind", GOOD + "\n"),
        ("CRLF", GOOD.replace("\n", "\r\n")),
        ("CR at the end of a line of the text", GOOD.replace("\n11\n", "\n11\r\n")),
        ("a tab", GOOD.replace("\n11\n", "\n11\t\n")),
        ("a line that is none", GOOD + "Unexpected line.\n"),
        ("a hyphen for the dash", note(TEXT, line.replace("—", "-"))),
        ("two spaces behind the dash", note(TEXT, line.replace("— ", "—  "))),
        ("two spaces behind the name", note(TEXT, line.replace(f"{ORIGIN} ", f"{ORIGIN}  "))),
        ("a space behind the signature", note(TEXT, line.replace("\n", " \n"))),
        ("no name", note(TEXT, line.replace(ORIGIN + " ", ""))),
        ("a plus in a name", note(TEXT, f"— a+b {line.split(' ')[2]}", line)),
        ("a wide space in a name", note(TEXT, f"— a\u3000b {line.split(' ')[2]}", line)),
        ("a next line in a name", note(TEXT, f"— a\u0085b {line.split(' ')[2]}", line)),
        ("no signature", note(TEXT, f"— {ORIGIN}\n")),
        ("an id alone", note(TEXT, f"— other {b64(b'abcd')}\n", line)),
        ("3 bytes", note(TEXT, f"— other {b64(b'abc')}\n", line)),
        ("an unknown line in bad base64", note(TEXT, f"— other {b64(bytes(68))}!\n", line)),
        ("padding in the middle", note(TEXT, f"— other {b64(bytes(68))}{b64(bytes(68))}\n", line)),
        ("no padding", note(TEXT, no_padding(line))),
        ("a letter that is not ASCII", note(TEXT, f"— other {b64(bytes(67))[:-4]}é+AA\n", line)),
        ("two letters that are not ASCII", note(TEXT, f"— other {b64(bytes(69))[:-4]}éé\n", line)),
        ("url-safe base64", note(TEXT, line.replace("+", "-").replace("/", "_").replace("acme_", "acme/"))),
        ("bits behind the last byte", note(TEXT, stray_bits(line))),
        ("two lines of text", f"{ORIGIN}\n11\n{tail}"),
        ("no origin", plain(f"\n11\n{root}\n")),
        ("an empty line in the text", plain(f"{head}{root}\n\nmore\n")),
        ("a leading zero", plain(f"{ORIGIN}\n011\n{root}\n")),
        ("00", plain(f"{ORIGIN}\n00\n{b64(notes1.EMPTY_ROOT)}\n")),
        ("a sign", plain(f"{ORIGIN}\n+11\n{root}\n")),
        ("a negative size", plain(f"{ORIGIN}\n-11\n{root}\n")),
        ("a size with a space", plain(f"{ORIGIN}\n11 \n{root}\n")),
        ("a hexadecimal size", plain(f"{ORIGIN}\n0xb\n{root}\n")),
        ("a size of other digits", plain(f"{ORIGIN}\n١١\n{root}\n")),
        ("2 to the 63", plain(f"{ORIGIN}\n{2**63}\n{root}\n")),
        ("2 to the 64", plain(f"{ORIGIN}\n{2**64}\n{root}\n")),
        ("a size of 5000 digits", GOOD.replace("\n11\n", "\n" + "1" * 4000 + "\n")),
        ("a root of 31 bytes", plain(f"{head}{b64(bytes(31))}\n")),
        ("a root of 33 bytes", plain(f"{head}{b64(bytes(33))}\n")),
        ("a root without padding", plain(f"{head}{root[:-1]}\n")),
        ("a root with bits behind", plain(f"{head}{stray_bits(root)}\n")),
        ("a root in hexadecimal", plain(f"{head}{proofs1.root_of(LEAVES).hex()}\n")),
        ("a root with a letter that is not ASCII", plain(f"{head}{root[:-3]}é=\n")),
        ("a root with a space", plain(f"{head}{root} \n")),
        ("size 0 with another root", plain(text_of(size=0, root=bytes(32)))),
    ]
    for name, text in forms:
        yield {"name": name, "note": text, "status": "E_LENGTH" if text == "" else "E_FORMAT"}
    both = {"witnesses": [ONE.vkey, TWO.vkey]}
    one = {"witnesses": [ONE.vkey]}
    others: list[tuple[str, str, str, Case]] = [
        ("a text that is too long", plain(text_of(more="x" * (4096 - len(TEXT)) + "\n")), "E_LENGTH", {}),
        ("a note that is too long", note(TEXT, line, *[f"— pq {b64(bytes(4000))}\n"] * 13), "E_LENGTH", {}),
        ("65 lines", note(TEXT, *[unknown] * 64, line), "E_LIMIT", {}),
        ("a size altered", GOOD.replace("\n11\n", "\n12\n"), "E_SIGNATURE", {}),
        ("an extension line added", GOOD.replace("\n\n", "\nmore\n\n"), "E_SIGNATURE", {}),
        ("a signature with a bit changed", note(TEXT, altered(line, 10)), "E_SIGNATURE", {}),
        ("S with a bit changed", note(TEXT, altered(line, 40)), "E_SIGNATURE", {}),
        ("S not canonical", note(TEXT, high_s(line)), "E_SIGNATURE", {}),
        ("R of order 1", note(TEXT, small_r(LOG_KEY, TEXT)), "E_SIGNATURE", {}),
        ("R and S zero", note(TEXT, notes1.line_of(LOG_KEY.key, bytes(64))), "E_SIGNATURE", {}),
        ("a signature of 63 bytes", note(TEXT, notes1.line_of(LOG_KEY.key, bytes(63))), "E_SIGNATURE", {}),
        ("a signature of 65 bytes", note(TEXT, notes1.line_of(LOG_KEY.key, bytes(65))), "E_SIGNATURE", {}),
        ("a signature of one byte", note(TEXT, notes1.line_of(LOG_KEY.key, b"x")), "E_SIGNATURE", {}),
        ("a bad line behind a good one", note(TEXT, line, altered(line, 10)), "E_SIGNATURE", {}),
        ("a bad line before a good one", note(TEXT, altered(line, 10), line), "E_SIGNATURE", {}),
        ("of another text", note(TEXT, LOG_KEY.line(text_of(size=10))), "E_SIGNATURE", {}),
        ("of the text without its newline", note(TEXT, LOG_KEY.line(TEXT[:-1])), "E_SIGNATURE", {}),
        ("of the text with the empty line", note(TEXT, LOG_KEY.line(TEXT + "\n")), "E_SIGNATURE", {}),
        ("an unknown key", note(TEXT, unknown), "E_UNKNOWN_KEY", {}),
        ("the next key, and only the old one is known", note(TEXT, NEXT_KEY.line(TEXT)), "E_UNKNOWN_KEY", {}),
        ("another log's, by its own key", plain(text_of(OTHER.key.name), signer=OTHER), "E_UNKNOWN_KEY", {}),
        ("another origin, signed by our key", plain(text_of("acme/other")), "E_ORIGIN", {}),
        ("not the origin that is asked for", GOOD, "E_ORIGIN", {"origin": "acme/other"}),
        ("an origin in another case", GOOD, "E_ORIGIN", {"origin": ORIGIN.upper()}),
        ("no witness, one needed", GOOD, "E_UNKNOWN_KEY", {**one, "needed": 1}),
        ("one witness, two needed", note(TEXT, line, LONE[0]), "E_UNKNOWN_KEY", {**both, "needed": 2}),
        ("one witness twice, two needed", note(TEXT, line, LONE[0], LONE[0]), "E_UNKNOWN_KEY", {**both, "needed": 2}),
        ("one key under two names, two needed", note(TEXT, line, LONE[0], ALIAS.line(TEXT, 5)), "E_UNKNOWN_KEY",
         {"witnesses": [ONE.vkey, ALIAS.vkey], "needed": 2}),
        ("only witnesses", note(TEXT, *LONE), "E_UNKNOWN_KEY", both),
        ("a cosignature with a bit changed", note(TEXT, line, altered(LONE[0], 20)), "E_SIGNATURE", one),
        ("a cosignature with its time changed", note(TEXT, line, altered(LONE[0], 11)), "E_SIGNATURE", one),
        ("a cosignature of a negative time", note(TEXT, line, altered(LONE[0], 4, 0x80)), "E_SIGNATURE", one),
        ("a cosignature without a time", note(TEXT, line, notes1.line_of(ONE.key, bytes(64))), "E_SIGNATURE", one),
        ("a cosignature of another checkpoint", note(TEXT, line, ONE.line(text_of(size=10), 9)), "E_SIGNATURE", one),
        ("a plain signature of a witness", note(TEXT, line, notes1.line_of(
            ONE.key, bytes(8) + ed25519.sign(ONE.seed, TEXT.encode()))), "E_SIGNATURE", one),
        ("a witness's key as the log's", GOOD, "E_KEY", {"keys": [ONE.vkey]}),
        ("a log's key as a witness's", GOOD, "E_KEY", {"witnesses": [LOG_KEY.vkey]}),
        ("no key at all", GOOD, "E_KEY", {"keys": ["nonsense"]}),
        ("a bad key behind a good one", GOOD, "E_KEY", {"keys": [LOG_KEY.vkey, LOG_KEY.vkey[:-1]]}),
    ]  # fmt: skip
    for name, text, status, policy in others:
        yield {"name": name, "note": text, "status": status, **policy}


def policy_of(case: Case) -> Policy:
    return Policy(
        case.get("keys", [LOG_KEY.vkey]), case.get("witnesses", []), case.get("needed", 0), case.get("origin", "")
    )


def checkpoints() -> Iterator[Case]:
    for case in checkpoint_cases():
        raw = case["note"].encode()
        policy = policy_of(case)
        found = expect(
            case["name"], case["status"], lambda raw=raw, policy=policy: notes1.verify_checkpoint(raw, policy)
        )
        case.setdefault("keys", list(policy.keys))
        if found is not None:
            checkpoint, signed = found
            case |= {"origin_read": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}
            case |= {"by_log": signed.by_log, "by_witnesses": signed.by_witnesses}
            case |= {"unknown": signed.unknown, "witnessed": signed.witnessed}
        yield case
    for name, raw, status in (
        ("not UTF-8", GOOD.encode().replace(b"acme", b"\xffcme", 1), "E_UTF8"),
        ("an overlong form", GOOD.encode().replace(b"acme", b"\xc0\x80e", 1), "E_UTF8"),
        ("a surrogate", GOOD.encode().replace(b"acme", b"\xed\xa0\x80e", 1), "E_UTF8"),
        ("a NUL", GOOD.encode().replace(b"acme", b"ac\0e", 1), "E_FORMAT"),
        ("a NUL, then no UTF-8", GOOD.encode().replace(b"acme", b"\0\xffme", 1), "E_FORMAT"),
        ("a character that is cut", GOOD.encode()[:-1] + b"\xe2\x80", "E_UTF8"),
    ):
        expect(name, status, lambda raw=raw: notes1.verify_checkpoint(raw, Policy([LOG_KEY.vkey])))
        yield {"name": name, "note_hex": raw.hex(), "status": status, "keys": [LOG_KEY.vkey]}


# ---------------------------------------------------------------------------------------------------------- trees


ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def merkle() -> Iterator[Case]:
    """RFC 6962's own leaves, as the certificate transparency code publishes them."""
    entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [proofs1.leaf_of(bytes.fromhex(entry)) for entry in entries]
    for size, published in enumerate(ROOTS):
        if proofs1.root_of(leaves[:size]).hex() != published:
            WRONG.append(f"the published root of {size} leaves")
        yield {"leaves": entries[:size], "root": proofs1.root_of(leaves[:size]).hex()}


def inclusions() -> Iterator[Case]:
    for size, index in ((1, 0), (2, 1), (7, 0), (7, 3), (7, 6), (8, 5), (11, 0), (11, 4), (11, 7), (11, 8), (11, 10)):
        yield inclusion(f"{index} of {size}", "OK", index, size, proofs1.path_of(index, LEAVES[:size]))
    path = proofs1.path_of(4, LEAVES)
    yield inclusion("another leaf", "E_PROOF", 4, 11, path, leaf=LEAVES[5])
    yield inclusion("another index", "E_PROOF", 5, 11, path)
    yield inclusion("another size", "E_PROOF", 4, 17, path)
    yield inclusion("another root", "E_PROOF", 4, 11, path, root=bytes(32))
    yield inclusion("a hash too few", "E_PROOF", 4, 11, path[:-1])
    yield inclusion("the first hash is missing", "E_PROOF", 4, 11, path[1:])
    yield inclusion("a hash too many", "E_PROOF", 4, 11, [*path, bytes(32)])
    yield inclusion("two hashes swapped", "E_PROOF", 4, 11, [path[1], path[0], *path[2:]])
    yield inclusion("no hashes", "E_PROOF", 4, 11, [])
    yield inclusion("a tree of one with a hash", "E_PROOF", 0, 1, [bytes(32)])
    yield inclusion("an index beyond the tree", "E_RANGE", 11, 11, path)
    yield inclusion("a tree of none", "E_RANGE", 0, 0, [])
    yield inclusion(
        "a node for a leaf", "E_PROOF", 0, 2, [proofs1.root_of(LEAVES[2:4])], leaf=proofs1.root_of(LEAVES[:2])
    )


def inclusion(
    name: str,
    status: str,
    index: int,
    size: int,
    path: list[bytes],
    leaf: bytes | None = None,
    root: bytes | None = None,
) -> Case:
    leaf = LEAVES[min(index, 10)] if leaf is None else leaf
    root = proofs1.root_of(LEAVES[:size]) if root is None else root
    expect(name, status, lambda: proofs1.verify_inclusion(leaf, index, size, path, root))
    hashes = [one.hex() for one in path]
    return {
        "name": name, "leaf": leaf.hex(), "index": index, "size": size, "hashes": hashes, "root": root.hex(),
        "status": status,
    }  # fmt: skip


def consistency(
    name: str, status: str, old: int, new: int, proof: list[bytes], roots: tuple[bytes, bytes] | None = None
) -> Case:
    before, after = roots or (proofs1.root_of(LEAVES[:old]), proofs1.root_of(LEAVES[:new]))
    expect(name, status, lambda: proofs1.verify_consistency(old, before, new, after, proof))
    return {
        "name": name, "old": old, "old_root": before.hex(), "new": new, "new_root": after.hex(),
        "hashes": [one.hex() for one in proof], "status": status,
    }  # fmt: skip


def consistencies() -> Iterator[Case]:
    for old, new in ((1, 2), (1, 11), (2, 11), (3, 7), (4, 8), (4, 7), (6, 8), (7, 11), (8, 11), (10, 11), (11, 11)):
        yield consistency(f"{old} to {new}", "OK", old, new, proofs1.growth_of(old, LEAVES[:new]))
    yield consistency("0 to 11", "OK", 0, 11, [])
    yield consistency("0 to 0", "OK", 0, 0, [])
    proof, one = proofs1.growth_of(6, LEAVES), bytes(32)
    roots = proofs1.root_of(LEAVES[:6]), proofs1.root_of(LEAVES)
    yield consistency("another old root", "E_PROOF", 6, 11, proof, (one, roots[1]))
    yield consistency("another new root", "E_PROOF", 6, 11, proof, (roots[0], one))
    yield consistency("roots swapped", "E_PROOF", 6, 11, proof, (roots[1], roots[0]))
    yield consistency("another old size", "E_PROOF", 5, 11, proof, roots)
    yield consistency("another new size", "E_PROOF", 6, 8, proof, roots)
    yield consistency("a hash too few", "E_PROOF", 6, 11, proof[:-1])
    yield consistency("the first is missing", "E_PROOF", 6, 11, proof[1:])
    yield consistency("a hash too many", "E_PROOF", 6, 11, [*proof, one])
    yield consistency("hashes swapped", "E_PROOF", 6, 11, [proof[1], proof[0], *proof[2:]])
    yield consistency("none", "E_PROOF", 6, 11, [])
    yield consistency("none, and the old size is a power of two", "E_PROOF", 8, 11, [])
    yield consistency("from 0 with hashes", "E_PROOF", 0, 11, [one])
    yield consistency("from 0 with another root", "E_PROOF", 0, 11, [], (one, roots[1]))
    yield consistency("to 0 with another root", "E_PROOF", 0, 0, [], (notes1.EMPTY_ROOT, one))
    yield consistency("equal sizes with a hash", "E_PROOF", 11, 11, [one])
    yield consistency("equal sizes with other roots", "E_PROOF", 11, 11, [], (one, roots[1]))
    yield consistency("back", "E_RANGE", 11, 6, proof, (roots[1], roots[0]))


# --------------------------------------------------------------------------------------------- proofs of an event


def proof_text(
    index: int, size: int = 11, note_: str | None = None, extra: bytes | None = None, bare: bool = False
) -> str:
    text = text_of(size=size)
    lines = [proofs1.FIRST]
    if not bare:
        lines.append("extra " + b64(extra if extra is not None else EVENTS[index][0] + EVENTS[index][1]))
    lines.append(f"index {index}")
    lines += [b64(one) for one in proofs1.path_of(index, LEAVES[:size])]
    return "\n".join(lines) + "\n\n" + (plain(text) if note_ is None else note_)


def changed(raw: bytes, at: int, value: int) -> bytes:
    return raw[:at] + bytes([value]) + raw[at + 1 :]


def proof_cases() -> Iterator[tuple[str, str, str, Case]]:
    good = proof_text(4)
    core, body, stored = EVENTS[4]
    lines = good.split("\n")
    hash_ = LEAVES[4].hex()
    for index, size in ((0, 1), (0, 11), (1, 2), (4, 11), (7, 8), (8, 11), (10, 11)):
        yield f"{index} of {size}", proof_text(index, size), "OK", {}
    yield "with its data", good, "OK", {"stored": stored.hex()}
    yield "with a witness", good + LONE[0], "OK", {"witnesses": [ONE.vkey], "needed": 1}
    yield "for a hash, with extra", good, "OK", {"event_hash": hash_}
    yield "for a hash, without extra", proof_text(4, bare=True), "OK", {"event_hash": hash_}
    yield "for a hash, with strange extra", good.replace(lines[1], "extra AAAA"), "OK", {"event_hash": hash_}
    yield "for another hash", good, "E_PROOF", {"event_hash": LEAVES[5].hex()}
    yield "without extra", proof_text(4, bare=True), "E_FORMAT", {}
    yield "other data", good, "E_DAMAGED", {"stored": changed(stored, 20, 0).hex()}
    yield "another salt", good, "E_DAMAGED", {"stored": changed(stored, 0, 0).hex()}
    yield "data without their salt", good, "E_DAMAGED", {"stored": stored[16:].hex()}
    yield "data with a byte behind", good, "E_DAMAGED", {"stored": stored.hex() + "00"}
    yield "data of another event", good, "E_DAMAGED", {"stored": EVENTS[5][2].hex()}
    yield "no data", good, "E_DAMAGED", {"stored": ""}
    yield "the checkpoint does not reach", proof_text(4, note_=plain(text_of(size=4))), "E_PROOF", {}
    yield "the checkpoint ends there", proof_text(4, note_=plain(text_of(size=5))), "E_PROOF", {}
    yield "another index", good.replace("index 4", "index 5"), "E_DAMAGED", {}
    yield "another event", proof_text(4, extra=EVENTS[5][0] + EVENTS[5][1]), "E_DAMAGED", {}
    for what, at, value, status in (
        ("its format", 0, 2, "E_FORMAT"), ("its digest algorithm", 1, 2, "E_DAMAGED"), ("its flag", 2, 1, "E_PROOF"),
        ("an unknown flag", 2, 8, "E_FORMAT"), ("its lane", 4, 1, "E_FORMAT"), ("its position", 8, 5, "E_DAMAGED"),
        ("its version", 16, 1, "E_PROOF"), ("a version beyond the position", 16, 5, "E_DAMAGED"),
        ("its time", 24, 0, "E_PROOF"), ("its logical time", 32, 1, "E_PROOF"), ("its batch", 40, 2, "E_PROOF"),
        ("its link", 48, 0xA5, "E_PROOF"), ("its body digest", 80, 0xA5, "E_DAMAGED"),
    ):  # fmt: skip
        yield f"a core with {what} changed", proof_text(4, extra=changed(core, at, value) + body), status, {}
    for what, at in (("id", 0), ("schema", 48), ("stream", 112), ("type", 125), ("last byte", len(body) - 1)):
        yield f"a body with its {what} changed", proof_text(4, extra=core + changed(body, at, 0x21)), "E_DAMAGED", {}
    yield "a body with a byte behind", proof_text(4, extra=core + body + b"x"), "E_DAMAGED", {}
    yield "a body cut", proof_text(4, extra=core + body[:-1]), "E_DAMAGED", {}
    yield "a core alone", proof_text(4, extra=core), "E_FORMAT", {}
    yield "extra that is too long", proof_text(4, extra=core + bytes(22448)), "E_FORMAT", {}
    yield "a hash too few", "\n".join(lines[:3] + lines[4:]), "E_PROOF", {}
    yield "a hash too many", "\n".join([*lines[:4], *lines[3:]]), "E_PROOF", {}
    yield "hashes swapped", "\n".join([*lines[:3], lines[4], lines[3], *lines[5:]]), "E_PROOF", {}
    yield "65 hashes", "\n".join([*lines[:3], *[lines[3]] * 65, *lines[4:]]), "E_LIMIT", {}
    yield "a signature changed", good.replace(LOG_KEY.line(TEXT), altered(LOG_KEY.line(TEXT), 30)), "E_SIGNATURE", {}
    yield "an unknown key", good, "E_UNKNOWN_KEY", {"keys": [NEXT_KEY.vkey]}
    yield "another origin", good, "E_ORIGIN", {"origin": "acme/other"}
    yield "a witness is missing", good, "E_UNKNOWN_KEY", {"witnesses": [ONE.vkey], "needed": 1}
    yield "no key", good, "E_KEY", {"keys": ["x"]}
    for what, text in (
        ("another first line", good.replace("@v1", "@v2")),
        ("a space behind the first line", good.replace("@v1", "@v1 ")),
        ("CRLF", good.replace("\n", "\r\n")),
        ("a byte order mark", "\ufeff" + good),
        ("extra without data", good.replace(lines[1], "extra ")),
        ("extra without a space", good.replace(lines[1], "extra")),
        ("extra in bad base64", good.replace(lines[1], lines[1][:-1] + "!")),
        ("extra with a letter that is not ASCII", good.replace(lines[1], lines[1][:20] + "é" + lines[1][22:])),
        ("extra url-safe", good.replace(lines[1], lines[1].replace("+", "-").replace("/", "_"))),
        ("extra twice", good.replace(lines[1], lines[1] + "\n" + lines[1])),
        ("extra behind index", "\n".join([lines[0], lines[2], lines[1], *lines[3:]])),
        ("no index", good.replace("index 4\n", "")),
        ("index 04", good.replace("index 4", "index 04")),
        ("index -4", good.replace("index 4", "index -4")),
        ("index without a number", good.replace("index 4", "index ")),
        ("index 2 to the 63", good.replace("index 4", f"index {2**63}")),
        ("two spaces", good.replace("index 4", "index  4")),
        ("a space behind the index", good.replace("index 4", "index 4 ")),
        ("a hash without padding", good.replace(lines[3], lines[3][:-1])),
        ("a hash of 31 bytes", good.replace(lines[3], b64(bytes(31)))),
        ("a hash with bits behind", good.replace(lines[3], stray_bits(lines[3]))),
        ("a hash with a letter that is not ASCII", good.replace(lines[3], lines[3][:20] + "é" + lines[3][22:])),
        ("a hash with a space", good.replace(lines[3], lines[3] + " ")),
        ("no empty line", good.replace("\n\n", "\n", 1)),
        ("two empty lines", good.replace("\n\n", "\n\n\n", 1)),
        ("the checkpoint is missing", good[: good.index("\n\n") + 2] + "\n"),
        ("the last newline is missing", good[:-1]),
        ("something behind", good + "x\n"),
    ):
        yield what, text, "E_FORMAT", {}
    yield "nothing", "", "E_LENGTH", {}
    yield "nothing behind the empty line", good[: good.index("\n\n") + 2], "E_LENGTH", {}


def proofs() -> Iterator[Case]:
    for name, text, status, more in proof_cases():
        case: Case = {"name": name, "proof": text, "status": status, **more}
        policy = policy_of(case)
        stored = bytes.fromhex(case["stored"]) if "stored" in case else None
        known = bytes.fromhex(case["event_hash"]) if "event_hash" in case else None
        found = expect(
            name, status, lambda t=text, p=policy, s=stored, h=known: proofs1.verify_proof(t.encode(), p, s, h)
        )
        case.setdefault("keys", list(policy.keys))
        if found is not None:
            case |= {"index": found.index, "size": found.size, "root": found.root.hex(), "leaf": found.event_hash.hex()}
            if found.event is not None:
                event = found.event
                case |= {"stream": event["stream"], "type": event["type"], "version": event["version"]}
                case |= {"id": str(event["id"]), "tags": event["tags"], "time_us": event["time_us"]}
        yield case


# ------------------------------------------------------------------------------------------------------ witnesses


def witnesses() -> Iterator[Case]:
    """What `body` and `http` give with GOOD as the note. `added` are the lines behind it."""
    both = [ONE.vkey, TWO.vkey]
    again = ONE.line(TEXT, 1_700_000_999)
    rows: list[tuple[str, int, str, list[str], str, Case]] = [
        ("signed", 200, LONE[0], both, "OK", {"outcome": 1, "added": LONE[0]}),
        ("two lines", 200, LONE[0] + LONE[1], both, "OK", {"outcome": 1, "added": LONE[0] + LONE[1]}),
        ("a line twice", 200, LONE[0] + LONE[0], both, "OK", {"outcome": 1, "added": LONE[0]}),
        ("two times of one witness", 200, LONE[0] + again, both, "OK", {"outcome": 1, "added": LONE[0] + again}),
        ("an unknown one is left out", 200, LONE[0] + LONE[1], [TWO.vkey], "OK", {"outcome": 1, "added": LONE[1]}),
        ("the log's line again", 200, LOG_KEY.line(TEXT) + LONE[0], both, "OK", {"outcome": 1, "added": LONE[0]}),
        ("only unknown ones", 200, LONE[0], [TWO.vkey], "E_UNKNOWN_KEY", {}),
        ("no witness is known", 200, LONE[0], [], "E_UNKNOWN_KEY", {}),
        ("nothing", 200, "", both, "E_UNKNOWN_KEY", {}),
        ("a bad one", 200, altered(LONE[0], 30), both, "E_SIGNATURE", {}),
        ("a bad one behind a good one", 200, LONE[0] + altered(LONE[1], 30), both, "E_SIGNATURE", {}),
        ("of another checkpoint", 200, ONE.line(text_of(size=10), 7), both, "E_SIGNATURE", {}),
        ("no lines", 200, "hello\n", both, "E_FORMAT", {}),
        ("an empty line before", 200, "\n" + LONE[0], both, "E_FORMAT", {}),
        ("cut", 200, LONE[0][:-1], both, "E_FORMAT", {}),
        ("a key that is none", 200, LONE[0], ["x"], "E_KEY", {}),
        ("a log's key", 200, LONE[0], [LOG_KEY.vkey], "E_KEY", {}),
        ("65 lines", 200, LONE[0] * 65, both, "E_LIMIT", {}),
        ("it knows another size", 409, "7\n", both, "OK", {"outcome": 2, "old": 7}),
        ("it knows nothing", 409, "0\n", both, "OK", {"outcome": 2, "old": 0}),
        ("409 without a size", 409, "", both, "OK", {"outcome": 3}),
        ("409 with words", 409, "conflict\n", both, "OK", {"outcome": 3}),
        ("409 with a leading zero", 409, "07\n", both, "OK", {"outcome": 3}),
        ("409 without a newline", 409, "7", both, "OK", {"outcome": 3}),
        ("409 with more", 409, "7\n8\n", both, "OK", {"outcome": 3}),
        ("400", 400, "no", both, "OK", {"outcome": 3}),
        ("403", 403, "", both, "OK", {"outcome": 3}),
        ("404", 404, "", both, "OK", {"outcome": 3}),
        ("422", 422, "", both, "OK", {"outcome": 3}),
        ("301", 301, "", both, "OK", {"outcome": 3}),
        ("204", 204, "", both, "OK", {"outcome": 3}),
        ("429", 429, "", both, "OK", {"outcome": 4}),
        ("500", 500, "", both, "OK", {"outcome": 4}),
        ("503", 503, "later", both, "OK", {"outcome": 4}),
        ("no status", 0, "", both, "E_RANGE", {}),
        ("600", 600, "", both, "E_RANGE", {}),
    ]
    for name, http, body, keys, status, more in rows:
        yield {"name": name, "http": http, "body": body, "witnesses": keys, "status": status, **more}


RFC8032 = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip


def known_answers() -> Iterator[Case]:
    """RFC 8032, 7.1, tests 1 to 3."""
    for seed, message, signature in RFC8032:
        public = ed25519.public_key(bytes.fromhex(seed))
        if ed25519.sign(bytes.fromhex(seed), bytes.fromhex(message)).hex() != signature:
            raise SystemExit("an answer of RFC 8032")
        yield {"seed": seed, "public": public.hex(), "message": message, "signature": signature}


# Published notes whose signatures check: (where, note, vkey).
PETER = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PUBLISHED = [
    ("the documentation of Go's sumdb/note",
     PETER + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE"
     "6RyyBwJnAM=\n"
     "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n",
     ["PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"]),
]  # fmt: skip


def published() -> Iterator[Case]:
    for where, text, keys in PUBLISHED:
        found = notes1.read_note(text.encode())
        for line, key in zip(found.lines, keys, strict=True):
            if notes1.check_line(line, found.text, notes1.read_vkey(key)) is None:
                raise SystemExit(where)
        yield {"where": where, "note": text, "keys": keys}


def vectors() -> dict[str, Any]:
    signers = {"log": LOG_KEY, "next": NEXT_KEY, "other": OTHER, "one": ONE, "two": TWO}
    return {
        "about": "made by tests/vectors/make_proofs.py; see README.md",
        "origin": ORIGIN,
        "signers": {name: {"skey": one.skey, "vkey": one.vkey} for name, one in signers.items()},
        "good_note": GOOD,
        "leaves": [leaf.hex() for leaf in LEAVES],
        "events": [{"core": c.hex(), "body": b.hex(), "stored": s.hex()} for c, b, s in EVENTS],
        "ed25519": list(known_answers()),
        "published": list(published()),
        "keys": list(key_cases()),
        "checkpoints": list(checkpoints()),
        "merkle": list(merkle()),
        "inclusion": list(inclusions()),
        "consistency": list(consistencies()),
        "proofs": list(proofs()),
        "witness_lines": {"one": LONE[0], "one_time": 1_700_000_100, "two": LONE[1], "two_time": 1_700_000_050},
        "answers": list(witnesses()),
    }


def page() -> str:
    """One line per case: what a diff shows is what changed."""
    parts = []
    for title, rows in vectors().items():
        if isinstance(rows, list):
            body = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
            parts.append(f' "{title}": [\n{body}\n ]')
        else:
            parts.append(f' "{title}": {json.dumps(rows, ensure_ascii=False)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    made = page()
    if WRONG:
        sys.exit("\n".join(WRONG))
    (HERE / "proof.json").write_text(made, encoding="utf-8")
