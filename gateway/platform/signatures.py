"""Hotkey signatures: sr25519 over `{address}:{nonce}:{sha256 of the body, or the purpose}`, as the SDK makes them.

Source: platform-contract §4. Used to know who calls the management API, and to sign calls to instances.
"""

import hashlib

import sr25519

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PREFIX = b"SS58PRE"
_NETWORK = b"\x2a"
"""Substrate's general network, whose addresses begin with 5."""


class Hotkey:
    """A key pair made from a seed of 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self._pair: tuple[bytes, bytes] = sr25519.pair_from_seed(seed)
        self.address = address_of(self._pair[0])

    def sign(self, message: str) -> str:
        signature: bytes = sr25519.sign(self._pair, message.encode())
        return signature.hex()


def address_of(public: bytes) -> str:
    body = _NETWORK + public
    number = int.from_bytes(body + _checksum(body), "big")
    letters = ""
    while number:
        number, digit = divmod(number, 58)
        letters = _ALPHABET[digit] + letters
    return letters


def public_key(address: str) -> bytes | None:
    """None where the text is no address of this network."""
    number = 0
    for letter in address:
        digit = _ALPHABET.find(letter)
        if digit < 0:
            return None
        number = number * 58 + digit
    try:
        raw = number.to_bytes(35, "big")
    except OverflowError:
        return None
    body = raw[:33]
    return body[1:] if body[:1] == _NETWORK and _checksum(body) == raw[33:] else None


def verify(address: str, nonce: str, content: str, signature: str) -> bool:
    """`content` is the hash of the body in hexadecimal, or the purpose of a call without one."""
    key = public_key(address)
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
        return key is not None and bool(sr25519.verify(raw, f"{address}:{nonce}:{content}".encode(), key))
    except ValueError:
        return False


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(_PREFIX + body).digest()[:2]
