"""Keeps secrets that come back masked: what was shown as `sk-ab…wxyz` and sent back unchanged stays what it was."""

from collections.abc import Iterable, Mapping

from gateway.access.secrets import is_masked, mask_secret
from gateway.errors import InvalidRequest


def unmask(sent: str, kept: Iterable[str], field: str) -> str:
    """The kept secret that a mask stands for, else what was sent. Raises InvalidRequest for a mask of nothing."""
    if not is_masked(sent):
        return sent
    for secret in kept:
        if mask_secret(secret) == sent:
            return secret
    raise InvalidRequest(f"'{field}' is masked, and no kept value has this mask: send the whole value.", param=field)


def unmask_headers(sent: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    return {
        name: unmask(value, [kept[name]] if name in kept else [], f"headers.{name}") for name, value in sent.items()
    }
