"""Ed25519 in plain Python, from RFC 8032, 5.1: for checking signatures of vectors, and for making vectors. Slow, and
not for secrets: its time depends on them.

Stricter than the RFC must be: S is below the order, keys and R are canonical points, a key is a point of the group of
prime order other than the neutral one, and R has a large order.
"""

from __future__ import annotations

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)

# Extended coordinates: x = X/Z, y = Y/Z, xy = T/Z (5.1.4).
Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def add(a: Point, b: Point) -> Point:
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    x, y, z, t = f - e, h - g, h + g, f + e
    return x * y % P, z * t % P, y * z % P, x * t % P


def multiply(scalar: int, point: Point) -> Point:
    result = NEUTRAL
    while scalar > 0:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def is_neutral(point: Point) -> bool:
    return point[0] % P == 0 and (point[1] - point[2]) % P == 0


def recover_x(y: int, sign: int) -> int | None:
    """5.1.3."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * SQRT_MINUS_1 % P
    if (x * x - square) % P != 0:
        return None
    return P - x if x & 1 != sign else x


def encode(point: Point) -> bytes:
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(raw: bytes) -> Point | None:
    number = int.from_bytes(raw, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    x = recover_x(y, sign)
    return None if len(raw) != 32 or x is None else (x, y, 1, x * y % P)


BASE_X = recover_x(4 * pow(5, -1, P) % P, 0)
assert BASE_X is not None
BASE: Point = (BASE_X, 4 * pow(5, -1, P) % P, 1, BASE_X * (4 * pow(5, -1, P) % P) % P)


def hash_to_number(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


def is_key(public: bytes) -> bool:
    point = decode(public)
    return point is not None and not is_neutral(point) and is_neutral(multiply(ORDER, point))


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """5.1.7, without the cofactor."""
    if len(signature) != 64 or not is_key(public):
        return False
    point, r = decode(public), decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if point is None or r is None or s >= ORDER or is_neutral(multiply(8, r)):
        return False
    k = hash_to_number(signature[:32], public, message)
    x, y, z, t = multiply(k, point)
    return encode(add(multiply(s, BASE), (-x % P, y, z, -t % P))) == signature[:32]


def expand(seed: bytes) -> tuple[int, bytes]:
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return scalar, digest[32:]


def public_key(seed: bytes) -> bytes:
    return encode(multiply(expand(seed)[0], BASE))


def sign(seed: bytes, message: bytes) -> bytes:
    """5.1.6."""
    scalar, prefix = expand(seed)
    nonce = hash_to_number(prefix, message)
    r = encode(multiply(nonce, BASE))
    k = hash_to_number(r, public_key(seed), message)
    return r + ((nonce + k * scalar) % ORDER).to_bytes(32, "little")
