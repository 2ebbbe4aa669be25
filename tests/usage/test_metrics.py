"""Metrics: their text form, what rows add up to, who may read them; dashboard, alerts and page name only real ones."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.metrics import metrics_router
from gateway.api.watched import Watched
from gateway.cache import Entry, ResponseCache
from gateway.errors import GatewayError, UpstreamServerError
from gateway.observe import metric_table as table
from gateway.observe.metric_table import METRICS
from gateway.observe.metrics import Histogram, Metric, exposition
from gateway.routing.dispatcher import Dispatcher
from gateway.routing.types import Target
from gateway.routing.vitals import EngineLoad
from gateway.state import Snapshot, State
from gateway.usage.meters import Meters
from gateway.usage.recorder import Recorder
from gateway.usage.types import Tried
from tests.fakes.board import FakeBoard, FakeEngine
from tests.usage.conftest import row
from tests.usage.test_recorder import Books

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = json.loads((ROOT / "deploy/grafana/chute-gateway.json").read_text())
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())
_LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? ([0-9.e+-]+|\+Inf)')
_PAIR = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
_NAME = re.compile(r"\b(?:gateway|process)_[a-z_]+\b")


def read(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """A strict reader of the text format: by name and labels."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    assert text.endswith("\n")
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP \w+ .+|TYPE \w+ (counter|gauge|histogram))", line)
            continue
        match = _LINE.fullmatch(line)
        assert match, line
        labels = tuple(
            (name, re.sub(r"\\(.)", lambda escaped: {"n": "\n"}.get(escaped[1], escaped[1]), value))
            for name, value in _PAIR.findall(match[2] or "")
        )
        values = found.setdefault(match[1], {})
        assert labels not in values, line
        values[labels] = float(match[3])
    return found


# --- the text form ---------------------------------------------------------------------------------------


@given(st.text())
def test_any_text_can_be_a_label(text: str) -> None:
    metric = Metric("gateway_x", "gauge", "x", ("label",))
    found = read(exposition([(metric, {(text,): 1.5})]))
    assert found == {"gateway_x": {(("label", text),): 1.5}}


@given(st.lists(st.floats(0, 100), max_size=30))
def test_buckets_count_what_is_at_or_below_them(values: list[float]) -> None:
    metric = Metric("gateway_x", "histogram", "x", (), (1.0, 10.0, 50.0))
    histogram = Histogram(metric.bounds)
    histogram.observe(values)
    found = read(exposition([(metric, {(): histogram})]))
    for (_, bound), count in (((*key[0],), n) for key, n in found["gateway_x_bucket"].items()):
        assert count == sum(value <= float(bound) for value in values)
    assert found["gateway_x_count"][()] == len(values)
    assert found["gateway_x_sum"][()] == pytest.approx(sum(values))


# --- what rows add up to ---------------------------------------------------------------------------------


def shown(meters: Meters) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    return read(exposition(meters.families()))


def test_rows_add_up_by_model_provider_and_status() -> None:
    meters = Meters()
    tried = (Tried("bad", "big", "upstream_server_error", 5.0), Tried("main", "big", "200", 9.0))
    for n in range(3):
        spent = {"input_tokens": 10, "output_tokens": 5, "cached_tokens": 2, "cost_nanos": 2_000}
        took = {"latency_ms": 300.0, "ttft_ms": 120.0, "overhead_ms": 0.4}
        meters.observe([row(f"r{n}", attempts=tried, **spent, **took)])
    meters.observe([row("e", status=502, provider_id="", error_code="upstream_unreachable")])
    meters.observe([row("g", status=499, provider_id="", error_code="")])
    meters.observe([row("u")])
    found = shown(meters)
    chat, fast = ("operation", "chat.completions"), ("model", "fast")
    labels = (chat, fast, ("provider", "main"), ("status", "200"))
    assert found["gateway_requests_total"][labels] == 4
    target = (("provider", "main"), fast)
    assert found["gateway_tokens_total"] == {
        (*target, ("kind", "input")): 30, (*target, ("kind", "output")): 15, (*target, ("kind", "cached")): 6,
    }  # fmt: skip
    assert found["gateway_cost_usd_total"] == {target: 6e-6}
    assert found["gateway_unpriced_requests_total"] == {target: 1}
    assert found["gateway_fallbacks_total"] == {(fast,): 3}
    assert found["gateway_attempts_total"][("provider", "bad"), ("outcome", "upstream_server_error")] == 3
    assert found["gateway_errors_total"] == {
        (chat, ("code", "upstream_unreachable")): 1, (chat, ("code", "499")): 1,
    }  # fmt: skip
    assert found["gateway_request_duration_seconds_count"][chat, fast] == 6
    assert found["gateway_time_to_first_token_seconds_bucket"][chat, fast, ("le", "0.1")] == 0
    assert found["gateway_time_to_first_token_seconds_bucket"][chat, fast, ("le", "0.25")] == 3
    assert found["gateway_overhead_seconds_sum"][(chat,)] == pytest.approx(0.0012)
    assert (meters.requests, meters.errors) == (6, 1)


def test_rows_told_together_add_up_to_what_they_do_one_by_one() -> None:
    tried = (Tried("bad", "big", "timeout", 5.0), Tried("main", "big", "200", 9.0))
    rows = [
        row("a", input_tokens=3, cost_nanos=5, attempts=tried, latency_ms=20.0, ttft_ms=4.0, overhead_ms=0.3),
        row("b", input_tokens=None, output_tokens=7, attempts=tried[1:], latency_ms=700.0, stream=True),
        row("c", status=502, provider_id="", error_code="upstream_unreachable", attempts=tried[:1]),
        row("d", status=200, error_code="upstream_timeout", attempts=tried),
        row("e", cached=True, cost_nanos=0, provider_id="", cached_tokens=2),
        row("f", operation="ocr", pages=2, seconds=1.5, route="other", provider_id="far"),
        row("g", status=499, provider_id="", error_code="client_gone"),
    ]
    together, alone = Meters(), Meters()
    together.observe(rows)
    for one in rows:
        alone.observe([one])
    assert shown(together) == shown(alone)
    assert (together.requests, together.errors) == (alone.requests, alone.errors) == (7, 2)


def test_a_retry_of_the_same_target_is_no_fallback() -> None:
    meters = Meters()
    meters.observe(
        [row("a", attempts=(Tried("main", "big", "upstream_timeout", 1.0), Tried("main", "big", "200", 1.0)))]
    )
    assert "gateway_fallbacks_total" not in shown(meters)


def test_answers_from_the_cache_are_counted_and_have_no_price_to_miss() -> None:
    meters = Meters()
    meters.observe([row("a", cached=True)])
    found = shown(meters)
    assert found["gateway_cached_requests_total"] == {(("model", "fast"),): 1}
    assert "gateway_unpriced_requests_total" not in found


def test_callers_and_providers_cannot_make_labels_without_end() -> None:
    meters = Meters()
    for n in range(7_000):
        meters.observe(
            [row(f"r{n}", model=f"m{n}", route=f"m{n}", provider_id=f"p{n}", status=400, error_code=f"c{n}")]
        )
    meters.observe([row("none", model="made up", route="")])
    meters.observe([row("list", model="a,b", route="a,b")])
    found = shown(meters)
    assert len(found["gateway_requests_total"]) <= 5_002
    assert len(found["gateway_errors_total"]) <= 201
    assert len(found["gateway_request_duration_seconds_count"]) <= 1_001
    assert sum(found["gateway_requests_total"].values()) == 7_002
    models = {dict(labels)["model"] for labels in found["gateway_requests_total"]}
    assert "other" in models and not {"made up", "a,b"} & models


# --- the pages -------------------------------------------------------------------------------------------


@pytest.fixture
def watched() -> Watched:
    engine = FakeEngine("chat", "chat", "tiny", "http://127.0.0.1:1", restarts=2, rss=1_000)
    state = State(Snapshot(1, {}, {}, {}, {}), Dispatcher({}), FakeBoard(engine), 1.0)
    for target, failures in (("chat", 0), ("main", 5)):
        vital = state.dispatcher.vitals[Target(target, "big")]
        vital.begin(0.0)
        for _ in range(failures):
            vital.fail(time.monotonic(), UpstreamServerError("down"), time.monotonic())
    state.dispatcher.vitals.loads["chat"] = EngineLoad(
        3.0, 0.5, 0.0, running=2.0, written=7.0, read=9.0, device_memory=5_000.0
    )
    cache = ResponseCache(10**6, 60)
    cache.put(b"k", Entry("application/json", (b"{}",), False, 0.0))
    cache.get(b"k", 1.0)
    meters = Meters()
    meters.observe([row("a", input_tokens=3, output_tokens=2, cached_tokens=1, cost_nanos=500_000_000,
                       ttft_ms=1.0, overhead_ms=1.0, seconds=2.0, pages=1,
                       attempts=(Tried("x", "y", "502", 1.0), Tried("main", "big", "200", 1.0)))])  # fmt: skip
    meters.observe([row("b", status=500, error_code="internal_error")])
    meters.observe([row("c", cached=True)])
    return Watched(state, meters, Recorder(Books()), cache, None, lambda: 12.5)


def client(watched: Watched, address: tuple[str, int] | None = ("127.0.0.1", 5)) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(metrics_router(watched))

    def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, GatewayError)
        return JSONResponse(error.body(), error.http_status)

    app.add_exception_handler(GatewayError, refused)
    transport = httpx.ASGITransport(app, client=address)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://gateway")


async def test_every_metric_of_the_table_is_shown_with_its_labels(watched: Watched) -> None:
    async with client(watched) as browser:
        answer = await browser.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = read(answer.text)
    for metric in METRICS:
        name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
        assert found.get(name), metric.name
        assert tuple(label for label, _ in next(iter(found[name]))) == metric.labels
    assert found["gateway_breaker_state"][("provider", "main"), ("upstream_model", "big")] == 2
    assert found["gateway_engine_in_flight"] == {(("engine", "chat"),): 1}
    assert found["gateway_engine_state"] == {(("engine", "chat"), ("state", "ready")): 1}
    assert found["gateway_engine_tokens_total"] == {
        (("engine", "chat"), ("kind", "input")): 9, (("engine", "chat"), ("kind", "output")): 7,
    }  # fmt: skip
    assert found["gateway_engine_memory_bytes"] == {(("engine", "chat"),): 1_000}
    assert found["gateway_engine_gpu_memory_bytes"] == {(("engine", "chat"),): 5_000}
    assert found["gateway_catalog_age_seconds"][()] == 12.5


async def test_the_text_is_read_by_prometheus_own_client(watched: Watched) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    async with client(watched) as browser:
        text = (await browser.get("/metrics")).text
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    assert {metric.name.removesuffix("_total") for metric in METRICS} == families.keys()
    assert all(families[metric.name.removesuffix("_total")].type == metric.kind for metric in METRICS)


async def test_stats_say_it_in_brief(watched: Watched) -> None:
    """A000-16, A003-14."""
    async with client(watched) as browser:
        found = (await browser.get("/stats")).json()
    assert found.pop("uptime_seconds") >= 0
    assert found == {
        "requests": 3, "errors": 1, "success_rate": 2 / 3, "error_rate": 1 / 3, "in_flight": 2, "queued": 0,
        "cache_hits": 1, "cache_misses": 0, "cache_hit_rate": 1.0,
        "tokens": {"input": 3, "output": 2, "cached": 1}, "cost_usd": 0.5,
        "usage_rows": {"waiting": 0, "written": 0, "dropped": 0},
    }  # fmt: skip


async def test_rates_are_0_before_the_first_request(watched: Watched) -> None:
    empty = Watched(watched.state, Meters(), Recorder(Books()))
    async with client(empty) as browser:
        found = (await browser.get("/stats")).json()
    assert (found["cache_hit_rate"], found["success_rate"], found["error_rate"]) == (0, 0, 0)


@pytest.mark.parametrize("path", ["/metrics", "/stats"])
@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        (("127.0.0.1", 5), {}, 200),
        (("::1", 5), {}, 200),
        (("::ffff:127.0.0.1", 5), {}, 200),
        (("10.0.0.7", 5), {}, 403),
        (("10.0.0.7", 5), {"x-forwarded-for": "127.0.0.1"}, 403),
        (("10.0.0.7", 5), {"host": "127.0.0.1"}, 403),
        (("127.0.0.1", 5), {"x-forwarded-for": "203.0.113.9"}, 403),
        (("127.0.0.1", 5), {"forwarded": "for=203.0.113.9"}, 403),
        (("testclient", 5), {}, 403),
        (None, {}, 403),
    ],
    ids=str,
)
async def test_without_a_token_only_this_machine_reads(
    watched: Watched, path: str, address: tuple[str, int] | None, headers: dict[str, str], status: int
) -> None:
    async with client(watched, address) as browser:
        assert (await browser.get(path, headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("given_token", "status"),
    [("Bearer s3cret-t0ken", 200), ("bearer s3cret-t0ken", 200), ("Bearer other", 401), ("Basic s3cret-t0ken", 401),
     ("Bearer s3cret-t0kén", 401), (None, 401)],
)  # fmt: skip
async def test_with_a_token_everybody_needs_it(watched: Watched, given_token: str | None, status: int) -> None:
    guarded = Watched(watched.state, watched.meters, watched.recorder, token="s3cret-t0ken")
    headers = {"authorization": given_token.encode()} if given_token else {}
    for address in (("127.0.0.1", 5), ("203.0.113.9", 5)):
        async with client(guarded, address) as browser:
            assert (await browser.get("/metrics", headers=headers)).status_code == status  # type: ignore[arg-type]


# --- dashboard, alerts, page -----------------------------------------------------------------------------


def series() -> set[str]:
    """The names that Prometheus knows of our metrics."""

    def suffixes(one: Metric) -> tuple[str, ...]:
        return ("_bucket", "_sum", "_count") if one.kind == "histogram" else ("",)

    return {metric.name + suffix for metric in METRICS for suffix in suffixes(metric)}


def expressions() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        yield variable["name"], variable["query"]
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def test_dashboard_and_alerts_ask_only_for_metrics_that_exist() -> None:
    unknown = [(where, name) for where, text in expressions() for name in _NAME.findall(text) if name not in series()]
    assert unknown == []


def test_dashboard_and_alerts_ask_only_for_labels_that_exist() -> None:
    by_name: dict[str, Any] = {}
    for metric in METRICS:
        for name in (metric.name, *(f"{metric.name}_{part}" for part in ("bucket", "sum", "count"))):
            by_name[name] = {*metric.labels, "le", "job", "instance"}
    for where, text in expressions():
        for name, labels in re.findall(r"((?:gateway|process)_[a-z_]+)\{([^}]*)\}", text):
            assert set(re.findall(r"([a-z_]+)(?==|!=)", labels)) <= by_name[name], (where, name)


def test_panels_do_not_overlap() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        area = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & area, panel["title"]
        assert at["x"] + at["w"] <= 24
        cells |= area


def test_every_metric_is_on_its_page_with_its_kind_and_labels() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$", (ROOT / "docs/metrics.md").read_text(), re.M)
    said = {name: (kind, labels) for name, kind, labels, _ in rows}
    told = {one.name: (one.kind, ", ".join(f"`{label}`" for label in one.labels) or "–") for one in METRICS}
    assert said == told


def test_names_follow_the_rules_of_prometheus() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
        assert list(metric.bounds) == sorted(set(metric.bounds))
        assert metric.help.endswith(".")
    assert table.REQUESTS in METRICS
