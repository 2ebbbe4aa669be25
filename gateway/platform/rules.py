"""What the platform refuses before it deploys or builds. Pure: a request in, Refused out. Called by the routes.

Words and order follow the public API source as read (platform-contract §4); prices are those of §1.
"""

import re
from typing import Any

from gateway.platform.identity import Refused
from gateway.platform.world import Account, Chute

GPUS: dict[str, tuple[int, float]] = {
    "3090": (24, 0.20),
    "4090": (24, 0.30),
    "5090": (32, 0.55),
    "l40s": (48, 0.65),
    "a6000": (48, 0.45),
    "a100": (80, 1.10),
    "h100": (80, 1.60),
    "pro_6000": (96, 1.80),
    "h200": (140, 2.30),
    "b200": (192, 4.00),
}
"""GPU to memory in GB and price in USD an hour. Stand-ins but for pro_6000: live prices are at GET /pricing."""
ORDINARY = ("pro_6000",)
FEE_HOURS = 3
PER_DAY = 24

_NAME = re.compile(r"^(?:([a-zA-Z0-9_\.-]+)/)*([a-z0-9][a-z0-9_\.\/-]*)$", re.IGNORECASE)
_CORD = re.compile(r"^(/[a-z][a-z0-9_]*)+$")
_PUBLIC = re.compile(r"^(/[a-z][a-z0-9_-]*)+$")
_SECRET = re.compile(r"python|sglang|^sgl_|^ld_|proxy", re.IGNORECASE)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})


def check_deployment(request: dict[str, Any], *, open_rules: bool) -> None:
    """`open_rules`: without the newest ones (tee, one pro_6000 for ordinary accounts)."""
    _check_texts(request)
    _check_cords(request)
    if request.get("public"):
        raise Refused(400, "Chutes no longer supports public chutes. Deploy it as private and share it.")
    revision = request.get("revision")
    if revision is not None and not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise Refused(422, [{"loc": ["body", "revision"], "msg": "Invalid revision specified."}])
    selector = request.get("node_selector") or {}
    if not matching_gpus(selector):
        raise Refused(400, "No supported GPUs based on node selector!")
    if open_rules:
        return
    if not request.get("tee"):
        raise Refused(403, "Non-TEE deployments are no longer allowed, set tee=True.")
    if tuple(selector.get("include") or ()) != ORDINARY or selector.get("gpu_count", 1) != 1:
        raise Refused(403, f"You may only deploy with NodeSelector(gpu_count=1, include={list(ORDINARY)}).")


def _check_texts(request: dict[str, Any]) -> None:
    limits = {"tagline": 1024, "readme": 16_384, "code": 150_000, "filename": 256}
    for name, limit in limits.items():
        if len(request.get(name) or "") > limit:
            raise Refused(422, [{"loc": ["body", name], "msg": f"String should have at most {limit} characters"}])
    name = request.get("name") or ""
    if not 3 <= len(name) <= 128 or not _NAME.match(name):
        raise Refused(422, [{"loc": ["body", "name"], "msg": f"Invalid chute name: {name}"}])
    if (request.get("filename") or "").lower() != request.get("filename"):
        raise Refused(422, [{"loc": ["body", "filename"], "msg": "Invalid filename"}])


def _check_cords(request: dict[str, Any]) -> None:
    cords, jobs = request.get("cords") or [], request.get("jobs") or []
    if not cords and not jobs:
        raise Refused(400, "A chute must define at least one cord() or job() function!")
    if cords and jobs:
        raise Refused(400, "A chute can have jobs or cords not both.")
    for cord in cords:
        public = cord.get("public_api_path")
        if not _CORD.match(cord.get("path") or "") or (public and not _PUBLIC.match(public)):
            raise Refused(422, [{"loc": ["body", "cords"], "msg": f"Invalid cord path: {cord.get('path')} {public}"}])
        if {cord["path"], public} & {"/evidence", "/hf_info"}:
            raise Refused(422, [{"loc": ["body", "cords"], "msg": f"Path {public} is reserved."}])
        if (cord.get("public_api_method") or "POST") not in _METHODS:
            raise Refused(422, [{"loc": ["body", "cords"], "msg": "Invalid method."}])


def matching_gpus(selector: dict[str, Any]) -> list[str]:
    include, exclude = selector.get("include"), selector.get("exclude") or ()
    least = selector.get("min_vram_gb_per_gpu") or 16
    return [
        name
        for name, (memory, _) in GPUS.items()
        if (not include or name in include) and name not in exclude and memory >= least
    ]


def hourly_price(selector: dict[str, Any]) -> float:
    """The cheapest matching GPU, times their number, in USD."""
    prices = [GPUS[name][1] for name in matching_gpus(selector)]
    return round(min(prices, default=0.0) * int(selector.get("gpu_count") or 1), 4)


def check_fee(account: Account, existing: Chute | None, selector: dict[str, Any], *, accepted: bool) -> float:
    """The fee to take, which only a new chute costs."""
    fee = 0.0 if existing else round(hourly_price(selector) * FEE_HOURS, 2)
    if fee and not accepted:
        raise Refused(
            402,
            "DEPLOYMENT FEE NOTICE:\n===\nThere is a deployment fee of (hourly price per GPU * number of GPUs * 3), "
            f"which for this configuration is: ${fee}\n To acknowledge this fee, re-run the deployment command with "
            "`--accept-fee`",
        )
    if account.balance <= fee:
        raise Refused(
            402,
            f"The deployment fee, based on your node selector, is ${fee}, but you have a balance of "
            f"{account.balance}.\n"
            "Please top up your account.",
        )
    return fee


def check_rate(account: Account, now: float) -> None:
    account.deployed_at[:] = [at for at in account.deployed_at if at > now - 86_400]
    if len(account.deployed_at) >= PER_DAY:
        raise Refused(429, f"You may create or update {PER_DAY} chutes and images a day.")


def check_secret(key: str) -> None:
    if _SECRET.search(key):
        raise Refused(400, f"Invalid environment variable name: {key}")
