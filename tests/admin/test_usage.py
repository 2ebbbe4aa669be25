"""What requests used and cost: rows, figures, limits, budgets, the cache, as an administrator sees them."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.running import RunningGateway
from tests.api.test_files import b64, picture
from tests.fakes.media import sound
from tests.fakes.upstream import Upstream

MODELS = ["gpt-x", {"id": "vectors", "type": "embedding"}]
MANY = [
    {"id": "reader", "type": "ocr"},
    {"id": "hearer", "type": "transcription"},
    {"id": "painter", "type": "image"},
    {"id": "ranker", "type": "rerank"},
]
PRICES = {"fake/gpt-x": {"input": 1.0, "output": 2.0}}


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    """One priced model of one provider, with the cache on for those who ask for it."""
    running = RunningGateway(
        tmp_path,
        providers={"fake": {"type": "openai", "base_url": upstream.url, "api_key": "k" * 20, "models": MODELS}},
        prices=PRICES,
        cache={"enabled": True},
    )
    yield running
    running.stop()


def new_key(admin: httpx.Client, **fields: Any) -> dict[str, Any]:
    made = admin.post("/api/admin/apikeys", json={"name": "test", **fields})
    assert made.status_code == 201, made.text
    return dict(made.json())


def ask(client: httpx.Client, text: str = "Hi", headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": text}], "max_tokens": 50, **fields}
    return client.post("/v1/chat/completions", json=body, headers=headers)


def rows(admin: httpx.Client, count: int, **query: Any) -> list[dict[str, Any]]:
    """Once so many are there; they are written twice a second."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        page = admin.get("/api/admin/requests", params=query).json()
        if page["total"] >= count:
            break
        time.sleep(0.05)
    assert page["total"] == count
    return list(page["data"])


def test_a_request_can_be_read_as_soon_as_it_was_answered(gateway: RunningGateway, admin: httpx.Client) -> None:
    for count in range(1, 6):
        known = ask(admin).headers["x-request-id"]
        assert read_at_once(admin, f"/api/admin/requests/{known}").status_code == 200
        assert read_at_once(admin, "/api/admin/usage").json()["figures"]["requests"] == count


def read_at_once(admin: httpx.Client, path: str) -> httpx.Response:
    """What a reader gets at the first look; where that took the second for which it waits for what is being written, as
    on a machine that stood still, what the next one gets."""
    for _ in range(20):
        begun = time.monotonic()
        answer = admin.get(path)
        if time.monotonic() - begun < 0.9:
            break
    return answer


def test_a_request_leaves_a_row_with_its_cost(gateway: RunningGateway, admin: httpx.Client) -> None:
    key = new_key(admin)
    with gateway.http(key["key"]) as client:
        answer = ask(client)
    usage = answer.json()["usage"]
    (row,) = rows(admin, 1)
    assert row["request_id"] == answer.headers["x-request-id"]
    assert (row["key_id"], row["key_name"], row["model"], row["provider_id"]) == (key["id"], "test", "gpt-x", "fake")
    assert (row["input_tokens"], row["output_tokens"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert row["cost_usd"] == (usage["prompt_tokens"] * 1.0 + usage["completion_tokens"] * 2.0) / 1e6
    assert [one["outcome"] for one in row["attempts"]] == ["200"]
    detail = admin.get(f"/api/admin/requests/{row['request_id']}").json()
    assert detail["price"]["input_per_million"] == 1.0
    assert detail["request_body"] is None


def test_a_stream_is_counted_like_a_whole_answer(gateway: RunningGateway, admin: httpx.Client) -> None:
    with gateway.http() as client:
        text = ask(client, stream=True).text
    assert text.rstrip().endswith("[DONE]")
    assert '"usage"' not in text, "the caller did not ask for it"
    (row,) = rows(admin, 1)
    assert row["stream"] is True
    assert row["output_tokens"] > 0
    assert row["ttft_ms"] is not None
    assert row["cost_usd"] > 0


@pytest.fixture
def per_request(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    """A chute that draws, and a chat model that reads pages; a call of each costs a cent."""
    running = RunningGateway(
        tmp_path,
        providers={
            "fake": {"base_url": upstream.url, "models": MANY},
            "chutes": {"base_url": upstream.url, "api_key": "k" * 20, "models": [{"id": "flux", "type": "image"}]},
        },
        prices={
            "chutes/flux": {"per_request": 0.01},
            "fake/reader": {"input": 1.0, "output": 2.0, "per_request": 0.01},
            **{f"fake/{name}": {"input": 1.0, "output": 2.0} for name in ("hearer", "painter", "ranker")},
        },
    )
    yield running
    running.stop()


def test_a_request_that_a_chute_needs_several_calls_for_costs_that_many(
    per_request: RunningGateway, upstream: Upstream
) -> None:
    upstream.canned["/generate"] = (b"\x89PNG\r\n\x1a\n", "image/png")
    with per_request.http() as admin:
        drawn = admin.post("/v1/images/generations", json={"model": "flux", "prompt": "a cat", "n": 3})
        assert len(drawn.json()["data"]) == 3
        (row,) = rows(admin, 1)
        assert row["cost_usd"] == 0.03
        poor = new_key(admin, budget_usd=0.02, budget_period="total")
        with per_request.http(poor["key"]) as client:
            refused = client.post("/v1/images/generations", json={"model": "flux", "prompt": "a cat", "n": 3})
        assert refused.status_code == 402, "all of them are reserved"


def test_pages_read_by_a_chat_model_cost_its_tokens(per_request: RunningGateway, upstream: Upstream) -> None:
    pages = [b64(picture()), b64(picture())]
    with per_request.http() as admin:
        assert admin.post("/v1/ocr", json={"model": "reader", "images": pages}).status_code == 200
        (row,) = rows(admin, 1)
    assert (row["pages"], row["input_tokens"], row["output_tokens"]) == (2, 14, 8)
    assert row["cost_usd"] == pytest.approx(2 * 0.01 + (14 * 1.0 + 8 * 2.0) / 1e6)


TOKENS = {"input_tokens": 30, "output_tokens": 20, "total_tokens": 50}


@pytest.mark.parametrize(
    ("path", "body", "answer", "figures"),
    [
        ("images/generations", {"model": "painter", "prompt": "a cat"},
         {"data": [{"b64_json": "AAAA"}], "usage": TOKENS}, (30, 20, None, 70 / 1e6)),
        ("audio/transcriptions", {"model": "hearer", "file_b64": b64(sound(0.5))},
         {"text": "hello", "usage": TOKENS}, (30, 20, 0.5, 70 / 1e6)),
        ("rerank", {"model": "ranker", "query": "q", "documents": ["d"]},
         {"scores": [0.5], "usage": {"total_tokens": 50}}, (50, None, None, 50 / 1e6)),
    ],
    ids=["pictures", "speech", "ranks"],
)  # fmt: skip
def test_tokens_count_under_whatever_names(
    per_request: RunningGateway, upstream: Upstream, path: str, body: Any, answer: Any, figures: Any
) -> None:
    """As `gpt-image-1` and `gpt-4o-transcribe` tell of them, and vLLM of ranks."""
    upstream.canned[f"/v1/{path}"] = answer
    with per_request.http() as admin:
        assert admin.post(f"/v1/{path}", json=body).status_code == 200
        (row,) = rows(admin, 1)
    assert tuple(row[name] for name in ("input_tokens", "output_tokens", "seconds", "cost_usd")) == figures


def test_failures_are_rows_too(gateway: RunningGateway, admin: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["*"] = "400"
    with gateway.http() as client:
        ask(client)
        client.post("/v1/chat/completions", json={"model": "nothing", "messages": []})
        client.post("/v1/chat/completions", content=b"{")
    found = {(row["status"], row["error_code"]) for row in rows(admin, 3)}
    assert {(404, "model_not_found"), (400, "invalid_json")} < found


def test_a_caller_who_leaves_is_a_row_with_499(
    gateway: RunningGateway, admin: httpx.Client, upstream: Upstream
) -> None:
    upstream.faults["*"] = "stall:2"
    body = {"model": "gpt-x", "messages": [], "stream": True, "max_tokens": 50}
    with gateway.http() as client, client.stream("POST", "/v1/chat/completions", json=body) as answer:
        next(answer.iter_raw())
    (row,) = rows(admin, 1)
    assert row["status"] == 499


def test_figures_add_up(gateway: RunningGateway, admin: httpx.Client) -> None:
    one, two = new_key(admin, name="one"), new_key(admin, name="two")
    for key, count in ((one, 3), (two, 1)):
        with gateway.http(key["key"]) as client:
            for _ in range(count):
                ask(client)
    rows(admin, 4)
    found = admin.get("/api/admin/usage?group=key&step=hour").json()
    assert found["figures"]["requests"] == 4
    assert found["figures"]["success"] == 1
    assert [(group["name"], group["figures"]["requests"]) for group in found["groups"]] == [("one", 3), ("two", 1)]
    assert sum(point["figures"]["requests"] for point in found["series"]) == 4
    total = sum(row["cost_usd"] for row in rows(admin, 4))
    assert found["figures"]["cost_usd"] == pytest.approx(total)


def test_an_export_has_every_row(gateway: RunningGateway, admin: httpx.Client) -> None:
    key = new_key(admin, name="=cmd()")
    with gateway.http(key["key"]) as client:
        ask(client)
    rows(admin, 1)
    csv = admin.get("/api/admin/usage/export").text
    assert len(csv.splitlines()) == 2
    assert "'=cmd()" in csv
    assert admin.get("/api/admin/usage/export?format=json").json()["key_name"] == "=cmd()"


def test_bodies_are_kept_only_for_keys_that_say_so(gateway: RunningGateway, admin: httpx.Client) -> None:
    for stores in (True, False):
        key = new_key(admin, store_bodies=stores)
        with gateway.http(key["key"]) as client:
            ask(client, "a secret question", stream=True)
        (row,) = rows(admin, 1, key_id=key["id"])
        detail = admin.get(f"/api/admin/requests/{row['request_id']}").json()
        assert ("a secret question" in (detail["request_body"] or "")) is stores
        assert ("[DONE]" in (detail["response_body"] or "")) is stores


def test_rpm_answers_429_with_openai_s_headers(gateway: RunningGateway, admin: httpx.Client) -> None:
    key = new_key(admin, rpm=2)
    with gateway.http(key["key"]) as client:
        first, second, third = ask(client), ask(client), ask(client)
        models = client.get("/v1/models")
    assert (first.status_code, second.status_code, third.status_code) == (200, 200, 429)
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert 1 <= int(third.headers["retry-after"]) <= 61
    assert third.json()["error"]["code"] == "rate_limit_exceeded"
    assert models.status_code == 200, "what is free is never blocked"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer_that_tells_no_usage_is_not_for_free(
    gateway: RunningGateway, admin: httpx.Client, upstream: Upstream, stream: bool
) -> None:
    """Its tokens are estimated, rather too many than too few, and count for the limit and for the budget."""
    upstream.tokens, upstream.faults["*"] = 400, "untold"
    limited = new_key(admin, tpm=100_000)
    with gateway.http(limited["key"]) as client:
        assert ask(client, stream=stream).status_code == 200
        left = int(ask(client, stream=stream).headers["x-ratelimit-remaining-tokens"])
    assert 97_000 < left < 100_000 - 400
    budgeted = new_key(admin, budget_usd=0.0009, budget_period="total")
    with gateway.http(budgeted["key"]) as client:
        statuses = [ask(client, stream=stream).status_code for _ in range(3)]
    assert (statuses[0], statuses[-1]) == (200, 402)
    assert {row["output_tokens"] for row in rows(admin, 5)} == {None}, "a report never guesses"


def test_vectors_that_tell_no_usage_are_not_for_free(
    gateway: RunningGateway, admin: httpx.Client, upstream: Upstream
) -> None:
    upstream.canned["/v1/embeddings"] = {"data": [{"index": 0, "embedding": [0.5]}]}
    key = new_key(admin, tpm=100_000)
    with gateway.http(key["key"]) as client:
        answers = [client.post("/v1/embeddings", json={"model": "vectors", "input": "word " * 1000}) for _ in range(2)]
    assert int(answers[1].headers["x-ratelimit-remaining-tokens"]) < 100_000 - 2 * 1000


def test_parallel_requests_never_overshoot_a_budget(
    gateway: RunningGateway, admin: httpx.Client, upstream: Upstream
) -> None:
    """The budget allows ten requests at most; two hundred come at once. None is answered before one was refused."""
    with gateway.http() as client:
        ask(client)
    (probe,) = rows(admin, 1)
    most = probe["cost_usd"]
    key = new_key(admin, budget_usd=0.0068, budget_period="total")
    upstream.faults["*"], release = "held", upstream.hold()

    def status(_: int) -> int:
        status = ask(client).status_code
        if status == 402:
            release()
        return status

    with gateway.http(key["key"]) as client, ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(status, range(200)))
    assert set(answers) == {200, 402}
    spent = answers.count(200) * most
    assert 0 < spent <= 0.0068
    shown = admin.get(f"/api/admin/apikeys/{key['id']}").json()
    assert shown["budget_usd"] == 0.0068


def test_what_was_spent_counts_after_a_restart(
    gateway: RunningGateway, admin: httpx.Client, upstream: Upstream
) -> None:
    key = new_key(admin, budget_usd=0.0009, budget_period="total")
    upstream.tokens = 400
    with gateway.http(key["key"]) as client:
        statuses = [ask(client).status_code for _ in range(3)]
    assert statuses[0] == 200
    assert statuses[-1] == 402
    gateway.stop()
    again = RunningGateway(
        gateway.state_dir,
        providers={"fake": {"type": "openai", "base_url": upstream.url, "api_key": "k" * 20, "models": ["gpt-x"]}},
        prices=PRICES,
    )
    try:
        with again.http(key["key"]) as client:
            refused = ask(client)
        assert (refused.status_code, refused.json()["error"]["code"]) == (402, "budget_exceeded")
    finally:
        again.stop()


def test_the_cache_answers_an_equal_request_of_the_same_key(
    gateway: RunningGateway, admin: httpx.Client, upstream: Upstream
) -> None:
    key, other = new_key(admin, cache=True), new_key(admin, cache=True)
    with gateway.http(key["key"]) as client:
        first, second = ask(client), ask(client)
        fresh = ask(client, headers={"cache-control": "no-cache"})
    with gateway.http(other["key"]) as client:
        apart = ask(client)
    told = [answer.headers["x-gateway-cache"] for answer in (first, second, fresh, apart)]
    assert told == ["miss", "hit", "miss", "miss"]
    assert second.content == first.content
    assert len(upstream.requests) == 3
    cached = [row["cached"] for row in rows(admin, 3, key_id=key["id"], sort="at", ascending=True)]
    assert cached == [False, True, False]


def test_a_cached_stream_is_replayed_as_a_stream(gateway: RunningGateway, upstream: Upstream) -> None:
    wish = {"x-gateway-cache": "on"}
    with gateway.http() as client:
        first, second = ask(client, headers=wish, stream=True), ask(client, headers=wish, stream=True)
    assert second.text == first.text
    assert second.headers["content-type"].startswith("text/event-stream")
    assert len(upstream.requests) == 1


def test_metrics_and_stats_tell_of_it(gateway: RunningGateway, admin: httpx.Client) -> None:
    with gateway.http() as client:
        ask(client)
    rows(admin, 1)
    stats = admin.get("/stats").json()
    assert (stats["requests"], stats["errors"]) == (1, 0)
    assert 'model="gpt-x"' in admin.get("/metrics").text
