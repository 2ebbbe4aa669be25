"""What each failure of the platform means to the caller, in clear words."""

import time
from typing import Any

import httpx
import pytest

from gateway.errors import (
    GatewayError,
    UpstreamCold,
    UpstreamCredentials,
    UpstreamEndpointMissing,
    UpstreamMaintenance,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.providers.chutes_errors import clarified
from gateway.providers.failures import failure
from tests.chutes_provider.conftest import R1, Start, chat
from tests.platform.process import PlatformProcess

FAR_AWAY = 4_102_444_800
"""The year 2100: every lane of the suite must name its tests the same."""
EDGE = b"<html><body><h1>504 Gateway Time-out</h1></body></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (503, b'{"detail": "No instances available (yet) for chute_id=1"}', UpstreamCold, "No instance of 'm' runs"),
        (503, b'{"detail": "overloaded"}', UpstreamUnavailable, "no capacity for 'm'"),
        (429, b'{"detail": "m is under maintenance, try again later."}', UpstreamMaintenance, "under maintenance"),
        (429, b'{"detail": "Infrastructure is at maximum capacity"}', UpstreamRateLimited, "are busy"),
        (402, b'{"detail": "Account balance is $0.0"}', UpstreamQuota, "balance at Chutes is used up."),
        (402, b'{"detail": {"message": "Quota", "quota_reset_timestamp": %d}}' % FAR_AWAY, UpstreamQuota, "UTC."),
        (401, b'{"detail": "Invalid token"}', UpstreamCredentials, "Chutes refused the gateway's key."),
        (404, b'{"detail": "No matching chute found!"}', UpstreamModelMissing, "Chutes has no 'm'"),
        (404, b'{"detail": "No matching cord found!"}', UpstreamEndpointMissing, "does not have this endpoint"),
        (504, EDGE, UpstreamTimeout, "after about 600 s"),
        (500, b'{"detail": "internal"}', UpstreamServerError, "failed (status 500)."),
        (502, b"bad gateway", UpstreamServerError, "failed (status 502)."),
        (418, b'{"detail": "a teapot"}', GatewayError, "a teapot"),
    ],
)
def test_one_status_has_many_meanings(status: int, body: bytes, kind: type[GatewayError], words: str) -> None:
    error = clarified(failure(status, {}, body), "m")
    assert isinstance(error, kind)
    assert words in error.message


def test_a_quota_tells_when_it_comes_back() -> None:
    reset = int(time.time()) + 7200
    error = clarified(failure(402, {}, b'{"detail": {"message": "", "quota_reset_timestamp": %d}}' % reset), "m")
    assert error.retry_after == pytest.approx(reset - time.time(), abs=60)
    assert time.strftime("%Y-%m-%d", time.gmtime(reset)) in error.message


def test_our_own_patience_is_not_blamed_on_the_edge() -> None:
    assert clarified(UpstreamTimeout("It was silent."), "m").message == "It was silent."


@pytest.mark.parametrize(
    ("figures", "account", "fault", "status", "code", "retry_after"),
    [
        ({"maintenance": True}, {}, "", 503, "upstream_maintenance", False),
        ({"utilization": 1.0}, {}, "", 429, "rate_limit_exceeded", False),
        ({}, {"quotas": {"*": 0}}, "", 402, "insufficient_quota", True),
        ({}, {"balance": 0.0}, "", 402, "insufficient_quota", False),
        ({}, {}, "POST /v1/chat/completions=504*1", 504, "upstream_timeout", False),
        ({}, {}, "POST /v1/chat/completions=500:boom*1", 502, "upstream_server_error", False),
    ],
)
def test_the_caller_is_told(
    start: Start, platform: PlatformProcess, figures: Any, account: Any, fault: str, status: int, code: str,
    retry_after: bool,
) -> None:  # fmt: skip
    gateway = start()
    if figures:
        platform.set_chute(R1, **figures)
    if account:
        platform.set_account(**account)
    if fault:
        platform.fault(fault)
    reply: httpx.Response = chat(gateway, f"chutes/{R1}")
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code)
    assert "Chutes" in error["message"]
    assert ("retry-after" in reply.headers) is retry_after
    assert "cpk_" not in reply.text
