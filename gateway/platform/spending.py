"""Quotas, caps and balance of an account: what a call takes, and when it is refused with 402. Called by the hosts."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.platform.identity import Refused
from gateway.platform.world import Account, Chute

FOUR_HOUR_CAP, MONTHLY_CAP = 3.0, 60.0
"""USD; stand-ins for a plan."""


def reset_time() -> datetime:
    """Midnight UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def quota_of(account: Account, chute: Chute) -> tuple[str, int]:
    """The chute's own quota, else the general one; its name and the requests a day."""
    if chute.chute_id in account.quotas:
        return chute.chute_id, account.quotas[chute.chute_id]
    return "*", account.quotas.get("*", 0)


def take(account: Account, chute: Chute, cost: float = 0.0) -> dict[str, str]:
    """Counts one call. The quota headers of its reply. Raises Refused(402)."""
    name, quota = quota_of(account, chute)
    used = account.used.get(name, 0)
    if used >= quota:
        reset = reset_time()
        message = f"Quota exceeded for user {account.username}: {used} of {quota} requests used today."
        raise Refused(402, {"message": message, "quota_reset_timestamp": int(reset.timestamp())})
    if account.balance <= 0:
        raise Refused(402, f"Account balance is ${account.balance}, please send tao or top up your account.")
    account.used[name] = used + 1
    account.four_hour_usage += cost
    account.monthly_usage += cost
    return {
        "X-Chutes-Quota-Total": str(quota),
        "X-Chutes-Quota-Used": str(used + 1),
        "X-Chutes-Quota-Remaining": str(quota - used - 1),
    }


def subscription(account: Account) -> dict[str, Any]:
    now = time.time()
    return {
        "subscription": True,
        "four_hour": _window(account.four_hour_usage, FOUR_HOUR_CAP, now + 4 * 3600),
        "monthly": _window(account.monthly_usage, MONTHLY_CAP, now + 30 * 86_400),
    }


def _window(usage: float, cap: float, reset_at: float) -> dict[str, Any]:
    return {"usage": usage, "cap": cap, "remaining": max(0.0, cap - usage), "reset_at": _iso(reset_at)}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
