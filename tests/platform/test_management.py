"""The management API: who may call, accounts and their money, figures, aliases, faults."""

import time
from typing import Any

import httpx
import orjson
import pytest

from gateway.platform.signatures import Hotkey, address_of, public_key
from tests.platform.process import BEARER, KEY, PlatformProcess


def test_addresses_are_those_of_the_sdk() -> None:
    """platform-contract §4: the dummy seed and its address."""
    hotkey = Hotkey(bytes.fromhex("11" * 32))
    assert hotkey.address == "5DtDLm5rQHShDqojQpsvcN8tRXHVFaecfDoRet1SU6BFD9Fi"
    public = public_key(hotkey.address)
    assert public is not None and address_of(public) == hotkey.address
    assert public_key(hotkey.address[:-1] + "1") is None
    assert public_key("not an address") is None


def test_a_key_is_known_by_users_me(platform: PlatformProcess) -> None:
    assert platform.get("/users/me")["username"] == "developer"
    for headers in ({"Authorization": "Bearer cpk_wrong"}, {}, {"X-API-Key": KEY}):
        assert httpx.get(f"{platform.api}/users/me", headers=headers).status_code == 401


def test_a_signature_names_the_account(platform: PlatformProcess) -> None:
    assert platform.signed("GET", "/users/me", purpose="me").json()["username"] == "developer"


@pytest.mark.parametrize(
    "wrong",
    [
        {"purpose": "images"},
        {"seed": "44" * 32},
        {"user_id": "somebody-else"},
        {"nonce": int(time.time()) - 3600},
        {"X-Chutes-Signature": "00" * 64},
        {"X-Chutes-Signature": "no hex"},
    ],
)
def test_a_signature_that_does_not_fit_is_refused(platform: PlatformProcess, wrong: dict[str, str]) -> None:
    reply = platform.signed("GET", "/users/me", **{"purpose": "me", **wrong})  # type: ignore[arg-type]
    assert reply.status_code == 401, reply.text


def test_a_signed_body_cannot_be_changed(platform: PlatformProcess) -> None:
    other: dict[str, Any] = {"X-Chutes-Signature": "11" * 64}
    reply = platform.signed("POST", "/secrets/", b'{"purpose":"a"}', **other)
    assert reply.status_code == 401


def test_a_deployment_needs_a_signature_not_a_key(platform: PlatformProcess) -> None:
    reply = httpx.post(f"{platform.api}/chutes/", json={}, headers=BEARER)
    assert (reply.status_code, "signed" in reply.json()["detail"]) == (401, True)


def test_registration_makes_an_account_once(platform: PlatformProcess) -> None:
    body = orjson.dumps({"username": "newcomer", "coldkey": "5x"})
    first = platform.signed("POST", "/users/register?token=x", body, seed="55" * 32)
    assert first.status_code == 200, first.text
    key = first.json()["api_key"]
    assert httpx.get(f"{platform.api}/users/me", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    again = platform.signed("POST", "/users/register?token=x", body, seed="66" * 32)
    assert (again.status_code, "already exists" in again.json()["detail"]) == (409, True)


def test_quotas_and_caps_are_told_and_count(platform: PlatformProcess) -> None:
    platform.set_account(quotas={"*": 2})
    ask = {"model": "deepseek-ai/DeepSeek-R1", "messages": [{"role": "user", "content": "x"}]}
    first = httpx.post(f"{platform.llm}/v1/chat/completions", json=ask, headers=BEARER)
    assert first.headers["x-chutes-quota-remaining"] == "1"
    assert platform.get("/users/me/quota_usage/*") == {"quota": 2, "used": 1}
    httpx.post(f"{platform.llm}/v1/chat/completions", json=ask, headers=BEARER)
    refused = httpx.post(f"{platform.llm}/v1/chat/completions", json=ask, headers=BEARER)
    assert refused.status_code == 402
    assert refused.json()["detail"]["quota_reset_timestamp"] > time.time()
    usage = platform.get("/users/me/subscription_usage")
    assert usage["four_hour"]["usage"] == pytest.approx(0.002)
    assert usage["four_hour"]["remaining"] < usage["four_hour"]["cap"]


def test_an_empty_balance_is_told_as_text(platform: PlatformProcess) -> None:
    platform.set_account(balance=0.0)
    ask = {"model": "deepseek-ai/DeepSeek-R1", "messages": [{"role": "user", "content": "x"}]}
    refused = httpx.post(f"{platform.llm}/v1/chat/completions", json=ask, headers=BEARER)
    assert refused.status_code == 402
    assert "balance" in refused.json()["detail"]


def test_figures_are_public_and_can_be_set(platform: PlatformProcess) -> None:
    platform.set_chute("deepseek-ai/DeepSeek-R1", utilization=0.9, ttft=2.5)
    rows = httpx.get(f"{platform.api}/chutes/utilization").json()
    row = next(row for row in rows if row["name"] == "deepseek-ai/DeepSeek-R1")
    assert (row["utilization_current"], row["active_instance_count"]) == (0.9, 2)
    stats = httpx.get(f"{platform.api}/invocations/stats/llm", params={"start_date": "2026-01-01"}).json()
    assert next(row for row in stats if row["name"] == "deepseek-ai/DeepSeek-R1")["average_ttft"] == 2.5
    assert httpx.get(f"{platform.api}/pricing").json()["gpu_price_estimates"]["pro_6000"]["usd"]["hour"] == 1.8
    platform.set_chute("deepseek-ai/DeepSeek-R1", utilization=0.3, ttft=0.4)


def test_chutes_are_listed_by_page_and_name(platform: PlatformProcess) -> None:
    everything = httpx.get(f"{platform.api}/chutes/", params={"limit": 100}).json()
    assert everything["total"] == len(everything["items"]) == 12
    page = httpx.get(f"{platform.api}/chutes/", params={"limit": 4, "page": 2}).json()
    assert [one["chute_id"] for one in page["items"]] == [one["chute_id"] for one in everything["items"][8:]]
    assert (
        platform.get("/chutes/", name="whisper", include_public="true")["items"][0]["slug"] == "chutes-whisper-large-v3"
    )
    assert platform.get("/chutes/")["total"] == 0
    one = platform.get("/chutes/Qwen/Qwen3-Embedding-8B")
    assert one["cords"][0]["public_api_path"] == "/v1/embeddings"
    assert httpx.get(f"{platform.api}/chutes/none").status_code == 404


def test_aliases_are_the_accounts_own(platform: PlatformProcess) -> None:
    chute_id = platform.get("/chutes/deepseek-ai/DeepSeek-R1")["chute_id"]
    made = httpx.post(
        f"{platform.api}/model_aliases/", json={"alias": "think", "chute_ids": [chute_id]}, headers=BEARER
    )
    assert made.status_code == 200
    ask = {"model": "think", "messages": [{"role": "user", "content": "x"}]}
    reply = httpx.post(f"{platform.llm}/v1/chat/completions", json=ask, headers=BEARER)
    assert reply.json()["model"] == "deepseek-ai/DeepSeek-R1"
    assert [one["alias"] for one in platform.get("/model_aliases/")] == ["think"]
    assert httpx.delete(f"{platform.api}/model_aliases/think", headers=BEARER).status_code == 200
    assert platform.get("/model_aliases/") == []


def test_faults_come_as_often_as_asked(platform: PlatformProcess) -> None:
    platform.fault("GET /users/*=503:down for a moment*2")
    replies = [httpx.get(f"{platform.api}/users/me", headers=BEARER) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [503, 503, 200]
    assert replies[0].json() == {"detail": "down for a moment"}


@pytest.mark.parametrize("fault", ["nonsense", "GET /x=", {"status": 500}, {"on": "GET /", "color": "red"}, 7])
def test_a_fault_that_cannot_be_read_is_refused(platform: PlatformProcess, fault: object) -> None:
    assert httpx.post(f"{platform.api}/_emulator/faults", json=fault).status_code == 400
