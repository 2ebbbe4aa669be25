"""Who calls: an API key (`Bearer cpk_…`) or a hotkey signature. Called by the routes of the management API and hosts.

Source: platform-contract §4 and §5; a signature older than ten minutes is refused.
"""

import time

from starlette.requests import Request

from gateway.platform.signatures import digest, verify
from gateway.platform.world import Account, World

NONCE_SECONDS = 600


class Refused(Exception):
    """Answered as the platform does: `{"detail": …}`."""

    def __init__(self, status: int, detail: object) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail


def by_key(world: World, request: Request) -> Account | None:
    """The account of the bearer key; None without one. Only Authorization counts, X-API-Key is ignored."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if not key:
        return None
    found = [one for one in world.accounts.values() if scheme.lower() == "bearer" and one.api_key == key.strip()]
    if not found:
        raise Refused(401, "Invalid API key.")
    return found[0]


async def by_hotkey(world: World, request: Request, purpose: str) -> Account | None:
    """None where the request is not signed. Raises Refused for a signature that does not fit."""
    address = request.headers.get("x-chutes-hotkey")
    if not address:
        return None
    nonce = request.headers.get("x-chutes-nonce", "")
    if not nonce.isdigit() or abs(time.time() - int(nonce)) > NONCE_SECONDS:
        raise Refused(401, "Invalid nonce: the signature is too old or from the future.")
    body = await request.body()
    content = digest(body) if body else purpose
    if not verify(address, nonce, content, request.headers.get("x-chutes-signature", "")):
        raise Refused(401, f"Invalid signature for hotkey {address}.")
    user_id = request.headers.get("x-chutes-userid", "")
    for account in world.accounts.values():
        if account.hotkey == address and account.user_id == user_id:
            return account
    raise Refused(401, f"Could not find user with hotkey {address} and user_id {user_id}.")


async def caller(world: World, request: Request, purpose: str) -> Account:
    """Raises Refused(401) where nobody is named."""
    account = await anyone(world, request, purpose)
    if account is None:
        raise Refused(401, "Please provide an API key or a signed request.")
    return account


async def anyone(world: World, request: Request, purpose: str) -> Account | None:
    return await by_hotkey(world, request, purpose) or by_key(world, request)


async def signed(world: World, request: Request, purpose: str) -> Account:
    """Builds and deployments are signed by a hotkey, never by an API key."""
    account = await by_hotkey(world, request, purpose)
    if account is None:
        raise Refused(401, "This request must be signed with a hotkey.")
    return account
