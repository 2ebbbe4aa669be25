"""What the platform knows: accounts, images, chutes with their cords, secrets. Plain data in memory."""

import re
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from gateway.platform.faults import Faults

SEED = bytes.fromhex("11" * 32)
"""The hotkey of the account that exists from the start: the dummy of platform-contract §4."""
DEVELOPER, DEVELOPER_KEY = "developer", "cpk_dev_platform"
BUILT = "built and pushed"


@dataclass(slots=True)
class Account:
    user_id: str
    username: str
    hotkey: str
    api_key: str
    balance: float = 100.0
    quotas: dict[str, int] = field(default_factory=lambda: {"*": 5000})
    """Requests a day, per chute or `*`."""
    used: dict[str, int] = field(default_factory=dict)
    deployed_at: list[float] = field(default_factory=list)
    four_hour_usage: float = 0.0
    monthly_usage: float = 0.0


@dataclass(slots=True)
class Image:
    image_id: str
    user_id: str
    name: str
    tag: str
    dockerfile: str
    public: bool = False
    status: str = "pending build"
    log: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CordSpec:
    """`path` is where the instance answers (always by POST), `public_path` and `method` what callers use."""

    path: str
    public_path: str
    method: str
    passthrough: bool = False
    stream: bool = False
    function: str = ""

    @classmethod
    def of(cls, document: dict[str, Any]) -> "CordSpec":
        return cls(
            path=document["path"],
            public_path=document.get("public_api_path") or "",
            method=(document.get("public_api_method") or "POST").upper(),
            passthrough=bool(document.get("passthrough")),
            stream=bool(document.get("stream")),
            function=document.get("function") or "",
        )


@dataclass(slots=True)
class Chute:
    """`request` is what was deployed, as it came. `stand_in` names the built-in answers of a chute without code."""

    chute_id: str
    user_id: str
    name: str
    slug: str
    image_id: str
    version: str
    request: dict[str, Any]
    public: bool = False
    stand_in: str = ""
    shared_with: set[str] = field(default_factory=set)
    invocations: int = 0
    port: int = 0
    created_at: float = field(default_factory=time.time)

    @property
    def cords(self) -> list[CordSpec]:
        return [CordSpec.of(cord) for cord in self.request.get("cords", [])]


class World:
    def __init__(self, balance: float = 100.0) -> None:
        self.accounts: dict[str, Account] = {}
        self.images: dict[str, Image] = {}
        self.chutes: dict[str, Chute] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        """By chute id: the environment that its instances get."""
        self.faults = Faults()
        self.starting_balance = balance

    def add_account(self, username: str, hotkey: str, api_key: str) -> Account:
        user_id = str(uuid5(NAMESPACE_OID, username))
        account = Account(user_id, username, hotkey, api_key, self.starting_balance)
        self.accounts[user_id] = account
        return account

    def account_named(self, name_or_id: str) -> Account | None:
        found = (one for one in self.accounts.values() if name_or_id in (one.username, one.user_id))
        return next(found, None)

    def chute_for(self, name_or_id: str, account: Account | None) -> Chute | None:
        """A chute that the account may see, by id, name, `user/name` or slug; its own before others'."""
        seen = [chute for chute in self.chutes.values() if self.may_see(chute, account)]
        seen.sort(key=lambda chute: account is None or chute.user_id != account.user_id)
        for chute in seen:
            full = f"{self.accounts[chute.user_id].username}/{chute.name}"
            if name_or_id in (chute.chute_id, chute.name, chute.slug, full):
                return chute
        return None

    def may_see(self, chute: Chute, account: Account | None) -> bool:
        if chute.public:
            return True
        return account is not None and (chute.user_id == account.user_id or account.user_id in chute.shared_with)

    def image_named(self, reference: str, account: Account) -> Image | None:
        """By id or `name:tag`."""
        for image in self.images.values():
            if image.user_id == account.user_id and reference in (image.image_id, f"{image.name}:{image.tag}"):
                return image
        return None


def chute_id_of(username: str, name: str) -> str:
    return str(uuid5(NAMESPACE_OID, f"{username}::chute::{name}"))


def image_id_of(username: str, name: str, tag: str) -> str:
    return str(uuid5(NAMESPACE_OID, f"{username}/{name}:{tag}".lower()))


def slug_of(username: str, name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{username}-{name}".lower()).strip("-")[:58]


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
