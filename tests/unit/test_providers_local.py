"""Local engines: found on the board, guarded, and their private keys kept from callers."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.errors import EngineFailed, EngineLoading, GatewayError, InvalidRequest, UpstreamError
from gateway.openai_api.audio import AudioOptions
from gateway.openai_api.call import Call, Upload, Usage
from gateway.openai_api.operations import CHAT, OCR, TRANSCRIPTIONS, ModelType
from gateway.providers.base import Endpoint, ListedModel, Provider, ProviderType, Timeouts
from gateway.providers.engine_fields import strip_reply
from gateway.providers.engines import EngineStatus, NoEngines
from gateway.providers.local import Local
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes import answers
from tests.fakes.streams import streamed_pieces
from tests.fakes.upstream import Upstream

PROVIDER = Provider("chat", ProviderType.LOCAL, timeouts=Timeouts(connect=20, first_byte=20, whole=20, idle=20))
PNG = Upload("page.png", "image/png", b"\x89PNG....")


@dataclass(frozen=True)
class Status:
    address: str = ""
    name: str = "chat"
    kind: str = "chat"
    model: str = "demo-chat"
    runtime: str = "vllm"
    state: str = "ready"
    phase: str = "ready"
    percent: float | None = None
    elapsed: float = 12.0
    retry_after: float = 7.0
    error: str | None = None
    restarts: int = 0
    secret: str = "engine-secret-123"
    upstream_model: str = "served-name"
    demo: bool = True
    rss: int = 0
    gpu_memory: int | None = None


class Board(NoEngines):
    def __init__(self, status: Status) -> None:
        self.one = status
        self.suspected: list[str] = []

    def statuses(self) -> Sequence[EngineStatus]:
        return (self.one,)

    def status(self, name: str) -> EngineStatus | None:
        return self.one if name == self.one.name else None

    def suspect(self, name: str) -> None:
        self.suspected.append(name)


@pytest.fixture
async def board(upstream: Upstream) -> Board:
    return Board(Status(upstream.url))


@pytest.fixture
async def local(board: Board) -> AsyncIterator[Local]:
    """The transport allows no private address: engines need no switch."""
    transport = PooledTransport()
    yield Local(transport, board)
    await transport.aclose()


def chat(**body: Any) -> Call:
    document = {"model": "demo-chat", "messages": [], **body}
    return Call(CHAT, "demo-chat", "r", time.monotonic(), json.dumps(document).encode(), stream="stream" in body)


ENDPOINT = Endpoint(PROVIDER, "ignored")


async def test_address_and_secret_come_from_the_board(local: Local, board: Board, upstream: Upstream) -> None:
    reply = await local.send(ENDPOINT, chat())
    assert reply.usage == Usage(7, 4, 3)
    assert upstream.last.key == "engine-secret-123"
    assert upstream.last.json["model"] == "served-name"
    board.one = replace(board.one, secret="after-a-restart", upstream_model="other")
    await local.send(ENDPOINT, chat())
    assert (upstream.last.key, upstream.last.json["model"]) == ("after-a-restart", "other")


async def test_what_an_engine_refused_once_it_is_not_asked_again(local: Local, upstream: Upstream) -> None:
    endpoint = Endpoint(replace(PROVIDER), "ignored")
    upstream.script += ["renamed"]
    for _ in range(2):
        await local.send(endpoint, chat(max_tokens=7))
    assert ["max_tokens" in request.json for request in upstream.requests] == [True, False, False]


async def test_a_loading_engine(local: Local, board: Board) -> None:
    board.one = replace(board.one, state="loading", phase="downloading", percent=41.6, address="")
    with pytest.raises(EngineLoading) as caught:
        await local.send(ENDPOINT, chat())
    assert caught.value.message == "The local model 'demo-chat' is not ready: downloading (42 %) for 12 s."
    assert (caught.value.http_status, caught.value.retry_after) == (503, 7.0)


@pytest.mark.parametrize("state", ["failed", "stopped"])
async def test_a_failed_engine(local: Local, board: Board, state: str) -> None:
    board.one = replace(board.one, state=state, error="not enough memory")
    for coroutine in (local.send(ENDPOINT, chat()), local.check(PROVIDER)):
        with pytest.raises(EngineFailed, match="not enough memory"):
            await coroutine


async def test_an_unknown_engine(local: Local) -> None:
    with pytest.raises(EngineFailed, match="no local engine 'x'"):
        await local.send(Endpoint(replace(PROVIDER, id="x"), "m"), chat())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chat_template", "{{ x }}"),
        ("mm_processor_kwargs", {}),
        ("media_io_kwargs", {}),
        ("prompt_embeds", "AAAA"),
        ("priority", -1),
        ("cache_salt", "x"),
        ("kv_transfer_params", {}),
        ("logits_processors", ["x"]),
        ("vllm_xargs", {}),
        ("use_beam_search", True),
        ("guided_regex", "(a+)+" * 200),
        ("guided_grammar", "x" * 5000),
        ("guided_json", {"a": "x" * 70_000}),
        ("response_format", {"type": "json_schema", "json_schema": {"x": "y" * 70_000}}),
        ("structured_outputs", {"regex": "(a+)+" * 200}),
        ("structured_outputs", {"choice": ["x" * 70_000]}),
        ("structured_outputs", "x"),
        ("chat_template_kwargs", {"chat_template": "{{ x }}"}),
        ("chat_template_kwargs", {"enable_thinking": {"a": 1}}),
        ("chat_template_kwargs", "x"),
        ("n", 100),
        ("n", 1.5),
        ("best_of", 1000),
        ("top_logprobs", 1000),
        ("stop", ["x" * 100] * 100),
    ],
)
async def test_dangerous_fields_are_refused(local: Local, upstream: Upstream, field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await local.send(ENDPOINT, chat(**{field: value}))
    assert field in caught.value.message
    assert (caught.value.param or "").startswith(field)
    assert not upstream.requests


@pytest.mark.parametrize(
    "more",
    [
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"chat_template_kwargs": None},
        {"chat_template": None},
        {"structured_outputs": {"choice": ["yes", "no"]}},
        {"response_format": {"type": "json_object"}},
        {"n": 2, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "anything": {"else": 1}},
    ],
)
async def test_other_fields_pass(local: Local, upstream: Upstream, more: dict[str, Any]) -> None:
    await local.send(ENDPOINT, chat(**more))
    assert {name: upstream.last.json[name] for name in more} == more


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("json", {"type": "object"}),
        ("json", '{"type": "object"}'),
        ("regex", "[0-9]+"),
        ("choice", ["yes", "no"]),
        ("grammar", 'root ::= "yes"'),
    ],
)
async def test_former_names_of_constraints_are_kept_from_being_passed_over(
    local: Local, upstream: Upstream, kind: str, value: object
) -> None:
    await local.send(ENDPOINT, chat(**{f"guided_{kind}": value, "guided_none": None, "seed": 1}))
    sent = upstream.last.json
    assert sent["structured_outputs"] == {kind: value} and sent["seed"] == 1
    assert f"guided_{kind}" not in sent


async def test_engines_that_are_not_vllm_say_themselves_what_they_lack(
    local: Local, upstream: Upstream, board: Board
) -> None:
    board.one = replace(board.one, runtime="transformers")
    await local.send(ENDPOINT, chat(guided_choice=["yes"]))
    assert upstream.last.json["guided_choice"] == ["yes"] and "structured_outputs" not in upstream.last.json


@pytest.mark.parametrize("other", [{"guided_json": {}}, {"structured_outputs": {"choice": ["no"]}}])
async def test_an_answer_follows_one_constraint(local: Local, upstream: Upstream, other: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="not both"):
        await local.send(ENDPOINT, chat(guided_choice=["yes"], **other))
    await local.send(ENDPOINT, chat(guided_choice=["yes"], **dict.fromkeys(other)))
    assert upstream.last.json["structured_outputs"] == {"choice": ["yes"]}


async def test_private_keys_are_stripped(local: Local, upstream: Upstream, board: Board) -> None:
    board.one = replace(board.one, upstream_model="fault:extra-keys")
    reply = await local.send(ENDPOINT, chat())
    assert isinstance(reply.body, bytes)
    document = json.loads(reply.body)
    assert set(document) == {"id", "object", "created", "model", "choices", "usage"}
    assert set(document["choices"][0]) == {"index", "message", "finish_reason", "stop_reason"}


def test_only_the_engines_own_keys_are_stripped() -> None:
    clean = b'{"choices": [{"delta": {"content": "x"}}], "service_tier": null}'
    assert strip_reply(clean) is clean
    said = b'{"choices":[{"delta":{"content":"\\"token_ids\\":1","tool":{"token_ids":1}},"token_ids":[2]}]}'
    assert json.loads(strip_reply(said)) == {
        "choices": [{"delta": {"content": '"token_ids":1', "tool": {"token_ids": 1}}}]
    }


def test_which_stop_string_came_is_told() -> None:
    """Anthropic's `stop_sequence` is made of it."""
    said = b'{"choices":[{"delta":{},"finish_reason":"stop","stop_reason":"END"}]}'
    assert strip_reply(said) is said


async def test_streams_count_usage(local: Local, upstream: Upstream) -> None:
    reply = await local.send(ENDPOINT, chat(stream=True))
    got = await streamed_pieces(reply)
    assert got[-1] == b"data: [DONE]\n\n"
    assert not any(b'"usage"' in event for event in got)
    assert getattr(reply.body, "usage") == Usage(7, 4, 3)  # noqa: B009


@pytest.mark.parametrize("runtime", ["rapidocr", "vllm"])
async def test_ocr(local: Local, upstream: Upstream, board: Board, runtime: str) -> None:
    board.one = replace(board.one, runtime=runtime)
    upstream.text = answers.PAGE_TEXT
    reply = await local.send(ENDPOINT, Call(OCR, "m", "r", 0.0, files=(PNG, PNG)))
    assert [page.text for page in reply.result.pages] == [answers.PAGE_TEXT] * 2
    assert upstream.last.path == ("/v1/ocr" if runtime == "rapidocr" else "/v1/chat/completions")
    if runtime == "rapidocr":
        assert upstream.last.json == {"model": "served-name", "images": ["iVBORy4uLi4="]}
        assert reply.result.pages[0].lines[0].score == 0.98


async def test_transcription(local: Local, upstream: Upstream) -> None:
    wav = Upload("a.wav", "audio/wav", b"RIFF")
    asked = Call(TRANSCRIPTIONS, "m", "r", 0.0, files=(wav,), options=AudioOptions(response_format="srt"))
    reply = await local.send(ENDPOINT, asked)
    assert reply.result.text == answers.SPOKEN
    form = answers.form_fields(upstream.last)
    assert (form["model"], form["response_format"]) == ("served-name", "verbose_json")


async def test_an_engines_address_is_not_shown(local: Local, upstream: Upstream, board: Board) -> None:
    board.one = replace(board.one, address="http://127.0.0.1:1")
    with pytest.raises(Exception, match="Could not connect") as caught:
        await local.send(ENDPOINT, chat())
    assert "127.0.0.1" not in str(caught.value)


async def test_list_and_check(local: Local, upstream: Upstream) -> None:
    assert await local.list_models(PROVIDER) == [ListedModel("demo-chat", owned_by="local", type=ModelType.CHAT)]
    await local.check(PROVIDER)
    assert upstream.last.path == "/health"


@pytest.mark.parametrize("fault", ["reset", "500", "garbage", "html"])
async def test_a_break_is_not_held_against_an_engine_but_makes_it_suspect(
    local: Local, board: Board, upstream: Upstream, fault: str
) -> None:
    """Its next process would rest for it; whether this one is well, its supervisor finds out."""
    upstream.faults["*"] = fault
    with pytest.raises(UpstreamError) as caught:
        await local.send(ENDPOINT, chat())
    assert (caught.value.counts_against_target, caught.value.retryable, caught.value.passes) == (False, True, True)
    assert caught.value.http_status == 502
    assert board.suspected == ["chat"]


@pytest.mark.parametrize("fault", ["cut:2", "reset:2", "garbage:2"])
async def test_a_stream_that_breaks_makes_an_engine_suspect_too(
    local: Local, board: Board, upstream: Upstream, fault: str
) -> None:
    upstream.faults["*"] = fault
    reply = await local.send(ENDPOINT, chat(stream=True))
    with pytest.raises(UpstreamError) as caught:
        await streamed_pieces(reply)
    assert not caught.value.counts_against_target
    assert board.suspected == ["chat"]


@pytest.mark.parametrize("fault", ["400", "422", "429", "context"])
async def test_a_refusal_says_nothing_of_an_engine(local: Local, board: Board, upstream: Upstream, fault: str) -> None:
    upstream.faults["*"] = fault
    with pytest.raises(GatewayError) as caught:
        await local.send(ENDPOINT, chat())
    assert not caught.value.counts_against_target
    assert board.suspected == []
