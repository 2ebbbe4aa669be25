"""Traces: what the collector gets of a request, what upstreams are told, and what happens when the collector fails."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.observe.collector import Collector as Destination
from gateway.observe.collector import ignored, read_collector
from gateway.observe.otlp import CLIENT, SERVER, Exporter, Span, encode
from gateway.observe.traces import begin_trace
from gateway.usage.spans import spans_of
from tests.api.running import RunningGateway
from tests.api.test_files import tone
from tests.fakes.collector import Collector
from tests.fakes.ports import free_port
from tests.fakes.upstream import Upstream
from tests.usage.conftest import row

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"
ASKED = {"model": "pair", "messages": [{"role": "user", "content": "a secret prompt"}]}


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector.start()
    yield server
    server.server.stop()


def settings(upstream: Upstream, other: Upstream, **given: Any) -> dict[str, Any]:
    return {
        "providers": {
            "first": {"base_url": upstream.url, "api_key": "sk-first-0123456789", "models": ["gpt-x"]},
            "second": {"base_url": other.url, "api_key": "sk-second-0123456789", "max_retries": 0},
        },
        "models": {
            "pair": {
                "type": "chat",
                "targets": [
                    {"provider": "first", "model": "gpt-x"},
                    {"provider": "second", "model": "gpt-y", "priority": 1},
                ],
            }
        },
        **given,
    }


@pytest.fixture
def traced(tmp_path: Path, upstream: Upstream, other_upstream: Upstream, collector: Collector) -> Iterator[Any]:
    running = RunningGateway(
        tmp_path,
        **settings(
            upstream,
            other_upstream,
            otel_exporter_otlp_endpoint=collector.url,
            otel_exporter_otlp_headers="authorization=Bearer%20of-the-collector",
            otel_service_name="my-gateway",
        ),
    )
    yield running
    running.stop()


def by_kind(spans: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return [one for one in spans if one["kind"] == SERVER], [one for one in spans if one["kind"] == CLIENT]


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_with_a_fallback_is_one_span_with_two_children(
    traced: RunningGateway, upstream: Upstream, other_upstream: Upstream, collector: Collector, stream: bool
) -> None:
    upstream.faults["*"] = "403"
    with traced.http() as client:
        reply = client.post(
            "/v1/chat/completions",
            json={**ASKED, "stream": stream},
            headers={"traceparent": GIVEN, "tracestate": "vendor=1"},
        )
        assert reply.status_code == 200
    (server,), attempts = by_kind(collector.wait(3))
    assert (server["traceId"], server["parentSpanId"], server["name"]) == (TRACE, PARENT, "POST /v1/chat/completions")
    assert server["traceState"] == "vendor=1" and server["status"] == {}
    told = server["attributes"]
    assert told["http.response.status_code"] == 200 and told["gen_ai.request.model"] == "pair"
    assert told["gateway.request_id"] == reply.headers["x-request-id"] and told["gateway.attempts"] == 2
    first, second = sorted(attempts, key=lambda one: one["attributes"]["gateway.attempt"])
    assert {one["parentSpanId"] for one in attempts} == {server["spanId"]} and first["spanId"] != second["spanId"]
    assert first["attributes"]["error.type"] == "upstream_credentials_refused" and first["status"]["code"] == 2
    answered = second["attributes"]
    assert second["name"] == "chat gpt-y" and second["status"] == {} and answered["gateway.outcome"] == "200"
    assert (answered["gen_ai.operation.name"], answered["gen_ai.provider.name"]) == ("chat", "second")
    assert answered["gen_ai.response.model"] == "gpt-y" and answered["gen_ai.usage.output_tokens"] > 0
    assert ("gen_ai.response.time_to_first_chunk" in answered) is stream
    for span in (server, first, second):
        assert int(server["startTimeUnixNano"]) <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    assert upstream.last.headers["traceparent"] == f"00-{TRACE}-{first['spanId']}-01"
    assert other_upstream.last.headers["traceparent"] == f"00-{TRACE}-{second['spanId']}-01"
    assert other_upstream.last.headers["tracestate"] == "vendor=1"


def test_the_collector_gets_its_key_and_no_prompt_answer_or_other_key(
    traced: RunningGateway, upstream: Upstream, collector: Collector
) -> None:
    with traced.http() as client:
        assert client.post("/v1/chat/completions", json=ASKED).status_code == 200
    collector.wait(2)
    batch = collector.taken[0]
    assert batch.path == "/v1/traces" and batch.headers["authorization"] == "Bearer of-the-collector"
    for hidden in (b"secret prompt", upstream.text.encode(), b"sk-first", b"sk-master"):
        assert hidden not in batch.body
    assert b'"my-gateway"' in batch.body


def test_a_new_trace_begins_where_the_caller_has_none(
    traced: RunningGateway, upstream: Upstream, collector: Collector
) -> None:
    with traced.http() as client:
        client.post("/v1/chat/completions", json=ASKED, headers={"traceparent": "nonsense"})
    (server,), _ = by_kind(collector.wait(2))
    assert "parentSpanId" not in server
    assert upstream.last.headers["traceparent"].split("-")[1] == server["traceId"]


def test_a_trace_that_its_caller_does_not_sample_is_passed_on_but_not_sent(
    traced: RunningGateway, upstream: Upstream, collector: Collector
) -> None:
    with traced.http() as client:
        client.post("/v1/chat/completions", json=ASKED, headers={"traceparent": GIVEN[:-2] + "00"})
        assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-00", upstream.last.headers["traceparent"])
        client.post("/v1/chat/completions", json=ASKED)
    assert TRACE not in {span["traceId"] for span in collector.wait(2)}


def test_without_a_collector_a_callers_trace_is_passed_on_as_it_is(
    tmp_path: Path, upstream: Upstream, other_upstream: Upstream
) -> None:
    running = RunningGateway(tmp_path, **settings(upstream, other_upstream))
    with running.http() as client:
        client.post("/v1/chat/completions", json=ASKED, headers={"traceparent": GIVEN, "tracestate": "a=b"})
        assert (upstream.last.headers["traceparent"], upstream.last.headers["tracestate"]) == (GIVEN, "a=b")
        client.post("/v1/chat/completions", json=ASKED)
        assert "traceparent" not in upstream.last.headers
    running.stop()


def test_what_is_recorded_before_the_end_is_sent_at_the_end(
    tmp_path: Path, upstream: Upstream, other_upstream: Upstream, collector: Collector
) -> None:
    running = RunningGateway(tmp_path, **settings(upstream, other_upstream, otel_exporter_otlp_endpoint=collector.url))
    with running.http() as client:
        client.post("/v1/chat/completions", json=ASKED)
    running.stop()
    assert len(collector.spans()) == 2


def test_files_carry_the_trace_too(tmp_path: Path, upstream: Upstream, other_upstream: Upstream) -> None:
    models = {"hear": {"type": "transcription", "provider": "first", "model": "whisper-1"}}
    running = RunningGateway(tmp_path, **(settings(upstream, other_upstream) | {"models": models}))
    with running.http() as client:
        reply = client.post(
            "/v1/audio/transcriptions",
            data={"model": "hear"},
            files={"file": ("a.wav", tone(), "audio/wav")},
            headers={"traceparent": GIVEN},
        )
    running.stop()
    assert reply.status_code == 200 and upstream.last.headers["traceparent"] == GIVEN


# --- the pieces ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        GIVEN.upper(),
        GIVEN.replace(TRACE, "0" * 32),
        GIVEN.replace(PARENT, "0" * 16),
        "ff" + GIVEN[2:],
        GIVEN + "x",
        GIVEN + "\r\nx: y",
    ],
)
def test_a_header_that_is_no_trace_context_counts_as_none(header: str) -> None:
    assert begin_trace({"traceparent": header}, None) is None
    begun = begin_trace({"traceparent": header}, 1.0)
    assert begun and begun.trace_id != TRACE and begun.sampled and begun.parent_id == ""


def test_a_state_that_no_header_may_hold_is_left_out() -> None:
    for state in ("a=\r\nb", "x" * 513, "a=é"):
        begun = begin_trace({"traceparent": GIVEN, "tracestate": state}, None)
        assert begun and "tracestate" not in begun.child()[1]


def test_later_versions_of_the_header_are_read_as_this_one() -> None:
    begun = begin_trace({"traceparent": f"01-{TRACE}-{PARENT}-01-more"}, None)
    assert begun and begun.child() == ("", {"traceparent": GIVEN})


def test_no_share_of_new_traces_is_sampled_when_the_share_is_none() -> None:
    assert not any(begun.sampled for _ in range(50) if (begun := begin_trace({}, 0.0)))


def test_a_row_without_a_trace_has_no_spans() -> None:
    assert list(spans_of(row("r1"))) == []


def test_a_refusal_before_any_attempt_is_one_span_that_names_the_error() -> None:
    refused = row("r1", status=503, error_code="overloaded", provider_id="", upstream_model="")
    refused.trace = begin_trace({}, 1.0)
    (span,) = spans_of(refused)
    assert span.error == "overloaded" and span.attributes["error.type"] == "overloaded"
    assert b'"status":{"code":2,"message":"overloaded"}' in encode([span], "x")


def test_headers_of_the_collector_are_read_as_opentelemetry_writes_them() -> None:
    found = read_collector("http://localhost:4318", "Api-Key=a%3Db, x=1,", "s")
    assert found.headers == {"api-key": "a=b", "x": "1"}


@pytest.mark.parametrize("headers", ["a-key", "x=1,a-key", "=a-key", "x y=a-key", "x=", "x=a%0Akey", "x=kéy a-key"])
def test_headers_that_cannot_be_sent_are_refused_without_their_values(headers: str) -> None:
    with pytest.raises(ConfigError, match=r"OTEL_EXPORTER_OTLP_HEADERS: header [12] ") as refused:
        read_collector("http://localhost:4318", headers, "s")
    assert "key" not in refused.value.message


@pytest.mark.parametrize("url", ["http://a:99999", "http://a:x", "http://[::1", "http://a b:4318", "http://:4318"])
def test_an_address_that_nothing_can_be_sent_to_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        read_collector(url, "", "s")


def test_variables_of_opentelemetry_that_have_no_effect_are_named() -> None:
    names = ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_SERVICE_NAME", "OTEL_SDK_DISABLED", "PATH"]
    assert "OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_SDK_DISABLED (" in ignored(names, True)
    assert ignored(["OTEL_SERVICE_NAME", "PATH"], True) == ""
    headers = ignored(["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME"], False)
    assert "OTEL_EXPORTER_OTLP_HEADERS (traces are off" in headers
    assert ignored(["OTEL_SDK_DISABLED"], False) == ""


def test_the_gateway_does_not_start_with_headers_that_cannot_be_sent(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": "0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization: Bearer secret-of-mine",
    }
    for command in ("check-config", "serve"):
        words = [sys.executable, "-m", "gateway", command]
        ended = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
        told = ended.stdout + ended.stderr
        assert ended.returncode and "OTEL_EXPORTER_OTLP_HEADERS: header 1" in told, told
        assert "secret-of-mine" not in told and "Traceback" not in told


def span(name: str = "s") -> Span:
    return Span(name, SERVER, TRACE, PARENT, "", 1.0, 2.0, {})


async def test_a_collector_that_is_down_for_a_moment_loses_nothing(collector: Collector) -> None:
    collector.answers += [503, 429]
    exporter = Exporter(Destination(collector.url), interval=0.01)
    exporter.start()
    exporter.add([span("kept")])
    await asyncio.to_thread(collector.wait, 1)
    await exporter.aclose()
    assert [one["name"] for one in collector.spans()] == ["kept"]
    assert (exporter.counts.sent, exporter.counts.dropped) == (1, 0)


async def test_a_collector_that_no_request_can_be_made_for_costs_spans_and_not_the_exporter(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = Destination("http://127.0.0.1:99999")
    exporter = Exporter(destination, interval=0.01)
    exporter.start()
    exporter.add([span("lost")])
    async with asyncio.timeout(60):
        while not exporter.counts.dropped:
            await asyncio.sleep(0.01)
    monkeypatch.setattr(exporter, "_collector", Destination(collector.url))
    exporter.add([span("kept")])
    await asyncio.to_thread(collector.wait, 1)
    await exporter.aclose()
    assert (exporter.counts.sent, exporter.counts.dropped) == (1, 1)


async def test_a_collector_whose_answer_drips_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is in time."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        with suppress(OSError):
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)

    monkeypatch.setattr("gateway.observe.otlp._LONGEST_POST", 0.3)
    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        exporter = Exporter(Destination(f"http://127.0.0.1:{port}"), interval=0.01, tries=1)
        exporter.start()
        exporter.add([span()])
        async with asyncio.timeout(60):
            while not exporter.counts.dropped:
                await asyncio.sleep(0.01)
        await exporter.aclose()


async def test_a_batch_that_is_refused_is_dropped_once_and_the_next_one_goes_through(collector: Collector) -> None:
    collector.answers += [400]
    exporter = Exporter(Destination(collector.url), interval=0.01, batch=1)
    exporter.start()
    exporter.add([span("bad"), span("good")])
    await asyncio.to_thread(collector.wait, 1)
    await exporter.aclose()
    assert [one["name"] for one in collector.spans()] == ["good"]
    assert (exporter.counts.sent, exporter.counts.dropped) == (1, 1)
    assert len(collector.server.requests) == 2


async def test_spans_that_a_collector_refuses_in_part_are_counted(collector: Collector) -> None:
    collector.partial = {"rejectedSpans": "1", "errorMessage": "too old"}
    exporter = Exporter(Destination(collector.url), interval=0.01)
    exporter.start()
    exporter.add([span()])
    await exporter.aclose()
    assert exporter.counts.dropped == 1 and len(collector.server.requests) == 1


async def test_a_collector_that_is_not_there_costs_old_spans_and_no_time() -> None:
    exporter = Exporter(Destination(f"http://127.0.0.1:{free_port()}"), capacity=10, interval=0.01, tries=2)
    exporter.start()
    began = time.monotonic()
    exporter.add(span(str(n)) for n in range(100))
    assert exporter.counts.dropped == 90
    await exporter.aclose(deadline=60)
    assert exporter.counts.dropped == 100 and time.monotonic() - began < 60
