"""`Cipher`: the encryption behind `Sealer`, which loads it for the first secret."""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Cipher:
    """Seals with the first of the keys, opens with any of them."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        fernets = [Fernet(_derived(key)) for key in secret_keys]
        self._current, self._keys = fernets[0], MultiFernet(fernets)

    def seal(self, text: str) -> str:
        return self._current.encrypt(text.encode()).decode()

    def open(self, token: str) -> str | None:
        """None where no key fits."""
        try:
            return self._keys.decrypt(token).decode()
        except (InvalidToken, ValueError):
            return None

    def is_current(self, token: str) -> bool:
        """Whether the first key sealed it."""
        try:
            self._current.decrypt(token)
        except (InvalidToken, ValueError):
            return False
        return True


def _derived(secret_key: str) -> bytes:
    """Any text becomes 32 bytes. The salt is constant, as the key is random itself."""
    derivation = HKDF(SHA256(), 32, salt=b"chute-gateway", info=b"sealed provider keys")
    return base64.urlsafe_b64encode(derivation.derive(secret_key.encode()))
