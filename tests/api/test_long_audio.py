"""Long recordings: cut in pauses, transcribed in pieces by several targets at once, joined as if they were one.

The upstreams are fakes that really hear what `tests.fakes.hearing` says.
"""

import asyncio
import base64
import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.providers.engines import EngineState
from tests.api.jobs import ASYNC, ended, stopped
from tests.api.leaving import GivenUp, eventually
from tests.api.running import RunningGateway
from tests.fakes.answers import form_fields, form_file
from tests.fakes.board import FakeBoard, FakeEngine
from tests.fakes.hearing import WORD_SECONDS, encoded, samples_of, speech, wav
from tests.fakes.upstream import Upstream

PATH = "/v1/audio/transcriptions"
WORDS = [f"w{n}" for n in range(1, 61)]
TEXT = " ".join(WORDS)
PACE = WORD_SECONDS + 0.4
SPOKEN = speech(WORDS, pause=0.4)
"""42 seconds with pauses between all words."""
SECONDS = len(SPOKEN[44:]) / 32_000
ENDLESS = wav(SPOKEN[44:] * 12)
"""Eight minutes."""
FILE = {"file": ("a.wav", SPOKEN)}
LIMITED = "sk-limited-0123456789abcdef"


@pytest.fixture(scope="module")
def board(upstream_server: Upstream) -> FakeBoard:
    return FakeBoard(FakeEngine("whisper", "transcription", "demo-whisper", upstream_server.url))


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, board: FakeBoard, upstream_server: Upstream, spare_server: Upstream
) -> Iterator[RunningGateway]:
    audio = {"type": "transcription"}
    one, other = {"provider": "one", "model": "whisper-1"}, {"provider": "other", "model": "whisper-2", "priority": 1}
    running = RunningGateway(
        tmp_path_factory.mktemp("state"),
        board,
        audio={"split_seconds": 10, "parallel": 4},
        engine_wait=60,
        providers={
            "one": {"base_url": upstream_server.url, "max_retries": 2, "performance": {"retry_backoff": "none"}},
            "other": {"base_url": spare_server.url, "max_retries": 0},
            "chutes": {"base_url": spare_server.url, "api_key": "cpk_secret"},
        },
        models={
            "alone": {**audio, "targets": [one]},
            "both": {**audio, "targets": [one, other]},
            "mixed": {**audio, "targets": [{"engine": "whisper"}, other]},
            "ordered": {**audio, "targets": [one, other], "audio": {"spread": False}},
            "whole": {**audio, "targets": [one], "audio": {"split_seconds": 0}},
            "narrow": {**audio, "targets": [one], "audio": {"parallel": 1}},
            "chute": {**audio, "targets": [{"provider": "chutes", "model": "w", "base_url": spare_server.url}]},
        },
        prices={"one/whisper-1": {"per_minute": 0.6}, "other/whisper-2": {"per_minute": 6.0}},
        keys=[{"name": "limited", "key": LIMITED, "rpm": 2}],
    )
    yield running
    running.stop()


@pytest.fixture
def http(gateway: RunningGateway, upstream: Upstream, spare: Upstream) -> Iterator[httpx.Client]:
    gateway.app.state.dispatcher.vitals.clear()
    upstream.hears = spare.hears = True
    with gateway.http() as client:
        yield client
    assert eventually(lambda: gateway.is_idle)  # pieces that were called off are no longer sent


def ask(http: httpx.Client, model: str, file: bytes = SPOKEN, path: str = PATH, **fields: Any) -> httpx.Response:
    return http.post(path, data={"model": model, **fields}, files={"file": ("speech.wav", file)})


def pieces(*upstreams: Upstream) -> list[bytes]:
    return [form_file(request) for upstream in upstreams for request in upstream.requests if request.method == "POST"]


# --- the joined transcript -----------------------------------------------------------------------------------


def test_the_text_is_whole_and_in_order(http: httpx.Client, upstream: Upstream) -> None:
    reply = ask(http, "alone")
    assert reply.status_code == 200 and reply.json()["text"] == TEXT
    assert reply.json()["usage"] == {"type": "duration", "seconds": -(-SECONDS // 1)}
    sent = pieces(upstream)
    assert len(sent) == 5
    assert all(piece.startswith(b"fLaC") and len(samples_of(piece)) <= 160_000 for piece in sent)
    assert sum(len(samples_of(piece)) for piece in sent) == len(SPOKEN[44:]) // 2
    assert reply.headers["x-gateway-attempts"] == ", ".join(["one/whisper-1=200"] * 5)


def test_times_are_those_of_the_recording(http: httpx.Client) -> None:
    form: dict[str, Any] = {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]}
    reply = ask(http, "both", **form).json()
    assert [word["word"] for word in reply["words"]] == WORDS
    for number, word in enumerate(reply["words"]):
        assert word["start"] == pytest.approx(0.4 + number * PACE, abs=0.03)
    assert " ".join(segment["text"] for segment in reply["segments"]) == reply["text"] == TEXT
    assert [segment["id"] for segment in reply["segments"]] == list(range(len(reply["segments"])))
    starts = [segment["start"] for segment in reply["segments"]]
    assert starts == sorted(starts)
    assert all(segment["seek"] <= segment["start"] * 100 + 1 for segment in reply["segments"])
    assert reply["segments"][-1]["seek"] > 2500
    assert (reply["duration"], reply["language"]) == (pytest.approx(SECONDS, abs=0.02), "english")


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_other_formats(http: httpx.Client, form: str) -> None:
    text = ask(http, "both", response_format=form).text
    found = re.findall(r"w\d+", text)
    assert found == WORDS
    if form != "text":
        cues = re.findall(r"(\d\d):(\d\d):(\d\d)[.,](\d{3}) -->", text)
        begins = [int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000 for h, m, s, ms in cues]
        assert begins == sorted(begins) and begins[-1] > 35


def test_a_translation(http: httpx.Client, upstream: Upstream) -> None:
    reply = ask(http, "alone", path="/v1/audio/translations", response_format="verbose_json").json()
    assert (reply["text"], reply["task"], reply["language"]) == (TEXT, "translate", "english")
    assert {request.path for request in upstream.requests} == {"/v1/audio/translations"}


def test_speech_without_pauses_is_told_once(http: httpx.Client, upstream: Upstream) -> None:
    """Every cut goes through a word: its neighbours tell it both, and one is enough."""
    breathless = speech(WORDS, pause=0.05)
    for form in ("json", "verbose_json"):
        assert ask(http, "alone", breathless, response_format=form).json()["text"] == TEXT
    reply = ask(http, "alone", breathless, response_format="verbose_json", timestamp_granularities="word").json()
    assert [word["word"] for word in reply["words"]] == WORDS
    assert sum(len(samples_of(piece)) for piece in pieces(upstream)) > 3 * len(samples_of(breathless))


@pytest.mark.parametrize("stream", [False, True])
def test_json_with_base64_and_the_whisper_chutes_shape(http: httpx.Client, spare: Upstream, stream: bool) -> None:
    """That shape has no streams."""
    body = {"model": "chute", "audio_b64": base64.b64encode(SPOKEN).decode(), "stream": stream}
    reply = http.post("/transcribe", json=body).json()
    assert [segment["text"] for segment in reply] == WORDS
    assert reply[-1]["start"] == pytest.approx(0.4 + 59 * PACE, abs=0.03)
    assert [request.path for request in spare.requests] == ["/transcribe"] * 5


@pytest.mark.parametrize(("form", "codec", "rate"), [("mp3", "libmp3lame", 16_000), ("webm", "libopus", 48_000)])
def test_compressed_formats(http: httpx.Client, upstream: Upstream, form: str, codec: str, rate: int) -> None:
    assert ask(http, "alone", encoded(SPOKEN, form, codec, rate)).json()["text"] == TEXT
    assert len(pieces(upstream)) >= 5


def test_the_prompt_belongs_to_the_first_piece(http: httpx.Client, upstream: Upstream) -> None:
    ask(http, "narrow", prompt="Names: Ada", language="en", temperature="0.5")
    forms = [form_fields(request) for request in upstream.requests]
    assert [form.get("prompt") for form in forms] == ["Names: Ada", None, None, None, None]
    assert {(form["language"], form["temperature"], form["model"]) for form in forms} == {("en", "0.5", "whisper-1")}


# --- who is asked --------------------------------------------------------------------------------------------


def test_pieces_are_under_way_at_the_same_time(http: httpx.Client, upstream: Upstream) -> None:
    upstream.gate = lambda: len(upstream.requests) >= 4
    assert ask(http, "alone").json()["text"] == TEXT


def test_never_more_than_allowed(http: httpx.Client, upstream: Upstream) -> None:
    allowed = threading.Event()
    upstream.gate = allowed.is_set
    with GivenUp(http, PATH, data={"model": "narrow"}, files=FILE) as call:
        assert eventually(lambda: len(upstream.requests) == 1)
        time.sleep(0.3)
        assert len(upstream.requests) == 1
        allowed.set()
        assert call.reply().json()["text"] == TEXT


def test_engines_here_and_providers_share_the_pieces(http: httpx.Client, upstream: Upstream, spare: Upstream) -> None:
    """The engine answers only when the other target has answered twice."""
    upstream.gate = lambda: len(spare.requests) >= 2
    reply = ask(http, "mixed")
    assert reply.json()["text"] == TEXT
    assert len(pieces(upstream)) >= 1 and len(pieces(spare)) >= 2
    attempts = reply.headers["x-gateway-attempts"]
    assert attempts.count("=200") == 5 and "whisper/demo-whisper=200" in attempts and "other/whisper-2=200" in attempts


def test_the_models_policy_where_spreading_is_off(http: httpx.Client, upstream: Upstream, spare: Upstream) -> None:
    assert ask(http, "ordered").json()["text"] == TEXT
    assert len(pieces(upstream)) == 5 and not spare.requests


def test_short_recordings_go_out_as_they_came(http: httpx.Client, upstream: Upstream) -> None:
    short = speech(WORDS[:10])
    assert ask(http, "alone", short).json()["text"] == " ".join(WORDS[:10])
    compressed = encoded(short, "webm", "libopus", 48_000)
    assert ask(http, "alone", compressed).json()["text"] == " ".join(WORDS[:10])
    assert pieces(upstream) == [short, compressed]


def test_a_model_that_is_never_split(http: httpx.Client, upstream: Upstream) -> None:
    assert ask(http, "whole").json()["text"] == TEXT
    assert pieces(upstream) == [SPOKEN]


@pytest.mark.parametrize("magic", [b"OggS", b"ID3\x04", b"\x1aE\xdf\xa3webm", b"\0\0\0\x20ftypM4A "])
def test_what_cannot_be_read_is_for_the_provider_to_judge(http: httpx.Client, upstream: Upstream, magic: bytes) -> None:
    upstream.hears = False
    nonsense = magic + bytes(range(256)) * 200
    assert ask(http, "alone", nonsense).status_code == 200
    assert pieces(upstream) == [nonsense]


# --- what goes wrong -----------------------------------------------------------------------------------------


def test_a_piece_that_fails_is_tried_again(http: httpx.Client, upstream: Upstream) -> None:
    upstream.script += ["500", "", "503"]
    reply = ask(http, "alone")
    assert reply.json()["text"] == TEXT
    assert len(pieces(upstream)) == 7
    assert reply.headers["x-gateway-attempts"].count("=200") == 5


def test_pieces_fall_back_one_by_one(http: httpx.Client, upstream: Upstream, spare: Upstream) -> None:
    upstream.faults["*"] = "500"
    reply = ask(http, "both")
    assert reply.json()["text"] == TEXT
    assert reply.headers["x-gateway-attempts"].count("other/whisper-2=200") == 5


def test_a_piece_that_is_refused_calls_the_others_off(http: httpx.Client, upstream: Upstream) -> None:
    upstream.script += ["hang", "hang", "400"]
    reply = ask(http, "alone")
    assert reply.status_code == 400 and "bad temperature" in reply.json()["error"]["message"]
    assert eventually(lambda: len(upstream.disconnects) >= 2)


def test_when_all_targets_fail_for_one_piece_the_request_fails(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["*"] = "500"
    reply = ask(http, "alone")
    assert reply.status_code == 502
    assert reply.json()["error"]["message"]


def test_a_caller_who_leaves_stops_everything(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["*"] = "hang"
    with GivenUp(http, PATH, data={"model": "alone"}, files=FILE) as call:
        assert eventually(lambda: len(pieces(upstream)) == 4)
        call.leave()
    assert eventually(lambda: len(upstream.disconnects) == 4)
    assert len(pieces(upstream)) == 4


def test_pieces_wait_for_an_engine_that_loads(gateway: RunningGateway, http: httpx.Client, board: FakeBoard) -> None:
    board.become("whisper", EngineState.LOADING)
    threading.Timer(0.3, board.become, ("whisper", EngineState.READY)).start()
    assert ask(http, "demo-whisper").json()["text"] == TEXT


def test_a_short_stream_waits_for_an_engine_too(gateway: RunningGateway, http: httpx.Client, board: FakeBoard) -> None:
    board.become("whisper", EngineState.LOADING)
    threading.Timer(0.3, board.become, ("whisper", EngineState.READY)).start()
    reply = ask(http, "demo-whisper", speech(WORDS[:3]), stream="true")
    assert '"text":"w1 w2 w3"' in reply.text and reply.text.endswith("data: [DONE]\n\n")


def test_a_request_that_takes_too_long_ends_with_all_its_pieces(upstream: Upstream, tmp_path: Path) -> None:
    upstream.faults["*"] = "hang"
    target = {"targets": [{"provider": "one", "model": "w"}], "type": "transcription"}
    settings: dict[str, Any] = {"request_timeout": 3, "audio": {"split_seconds": 10}, "models": {"alone": target}}
    running = RunningGateway(tmp_path, providers={"one": {"base_url": upstream.url, "max_retries": 0}}, **settings)
    with running.http() as http:
        reply = ask(http, "alone")
    running.stop()
    assert reply.status_code == 504 and reply.json()["error"]["code"] == "upstream_timeout"
    assert eventually(lambda: len(upstream.disconnects) == len(upstream.requests))


# --- streams -------------------------------------------------------------------------------------------------


def test_a_stream_tells_pieces_in_order(gateway: RunningGateway, http: httpx.Client, upstream: Upstream) -> None:
    upstream.script += ["late:0.5"]
    with gateway.client() as client:
        events: list[Any] = list(client.audio.transcriptions.create(model="alone", file=("a.wav", SPOKEN), stream=True))
    assert events[-1].type == "transcript.text.done" and events[-1].text == TEXT
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert "".join(deltas) == TEXT and len(deltas) >= 5


def test_a_stream_begins_before_the_end_is_heard(http: httpx.Client, upstream: Upstream) -> None:
    """The second piece is only answered once the first words have arrived."""
    upstream.script += ["", "hang"]
    data, files = {"model": "narrow", "stream": "true"}, {"file": ("a.wav", SPOKEN)}
    with http.stream("POST", PATH, data=data, files=files) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["x-gateway-provider"] == "one"
        lines = reply.iter_lines()
        first = next(line for line in lines if line.startswith("data: "))
        assert json.loads(first[6:])["delta"].startswith("w1")
        assert eventually(lambda: len(upstream.requests) == 2)
    assert eventually(lambda: len(upstream.disconnects) == 1)


def test_a_caller_who_leaves_a_stream_ends_its_pieces_and_the_cutting(http: httpx.Client, upstream: Upstream) -> None:
    """More is left to cut than may be ahead, so the process that cuts still waits when the caller leaves."""
    begun, waiting = threading.Event(), set[object]()

    def is_open() -> bool:
        if begun.is_set():
            waiting.add(asyncio.current_task())
        return not begun.is_set()

    upstream.gate = is_open
    data, files = {"model": "alone", "stream": "true"}, {"file": ("a.wav", ENDLESS)}
    with http.stream("POST", PATH, data=data, files=files) as reply:
        lines = (line for line in reply.iter_lines() if line.startswith("data: "))
        assert json.loads(next(lines)[6:])["delta"].startswith("w1")
        begun.set()
        assert eventually(lambda: len(waiting) == 4) and cutters()
    assert eventually(lambda: len(upstream.disconnects) == 4)
    assert eventually(lambda: not cutters())


def cutters() -> list[str]:
    """The processes that cut for the gateway of this test."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and "media.splitter" in (folder / "cmdline").read_text():
                found.append(folder.name)
    return found


def test_a_stream_without_pauses_holds_back_what_may_change(gateway: RunningGateway, http: httpx.Client) -> None:
    breathless = speech(WORDS, pause=0.05)
    with gateway.client() as client:
        events: list[Any] = list(
            client.audio.transcriptions.create(model="alone", file=("a.wav", breathless), stream=True)
        )
    assert events[-1].text == TEXT == "".join(event.delta for event in events[:-1])


def test_a_stream_that_breaks_says_so(http: httpx.Client, upstream: Upstream) -> None:
    upstream.script += ["", "400"]
    reply = ask(http, "narrow", stream="true")
    assert reply.status_code == 200
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    assert events[0]["type"] == "transcript.text.delta" and events[-1]["error"]["message"]
    assert "transcript.text.done" not in reply.text


def test_a_stream_that_cannot_begin_is_an_error_like_any_other(http: httpx.Client, upstream: Upstream) -> None:
    upstream.script += ["400"] * 4
    reply = ask(http, "alone", stream="true")
    assert reply.status_code == 400 and reply.json()["error"]["message"]


# --- through a job -------------------------------------------------------------------------------------------


def hand_over(http: httpx.Client, model: str, file: bytes = SPOKEN) -> Any:
    reply = http.post(PATH, data={"model": model}, files={"file": ("a.wav", file)}, headers=ASYNC)
    assert reply.status_code == 202, reply.text
    return reply.json()


def test_a_long_recording_may_become_a_job(gateway: RunningGateway, http: httpx.Client, upstream: Upstream) -> None:
    job = hand_over(http, "alone")
    assert ended(http, job["id"])["status"] == "succeeded"
    result = http.get(job["result_url"])
    assert result.json()["text"] == TEXT and len(pieces(upstream)) == 5
    assert result.headers["x-gateway-attempts"] == ", ".join(["one/whisper-1=200"] * 5)
    row = row_of(gateway, http, job["request_id"])
    assert row["seconds"] == pytest.approx(SECONDS, abs=0.02) and row["cost_usd"] == pytest.approx(SECONDS / 100, 0.01)


def test_a_job_that_is_cancelled_ends_its_pieces_and_the_cutting(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["*"] = "hang"
    job = hand_over(http, "alone", ENDLESS)
    assert eventually(lambda: len(upstream.requests) == 4) and cutters()
    assert stopped(http, http.post(f"/v1/jobs/{job['id']}/cancel").json())["status"] == "cancelled"
    assert eventually(lambda: len(upstream.disconnects) == 4) and eventually(lambda: not cutters())


# --- limits and cost -----------------------------------------------------------------------------------------


def test_one_request_whatever_the_number_of_pieces(gateway: RunningGateway, http: httpx.Client) -> None:
    with gateway.http(LIMITED) as limited:
        assert [ask(limited, "alone").status_code for _ in range(2)] == [200, 200]
        assert ask(limited, "alone", speech(WORDS[:3])).status_code == 429


def test_one_row_with_all_attempts_and_the_cost_of_each_target(
    gateway: RunningGateway, http: httpx.Client, upstream: Upstream, spare: Upstream
) -> None:
    upstream.script += ["500"]
    reply = ask(http, "both")
    here, there = len(pieces(upstream)) - 1, len(pieces(spare))
    assert (here + there, reply.status_code) == (5, 200)
    row = row_of(gateway, http, reply.headers["x-request-id"])
    assert row["seconds"] == pytest.approx(SECONDS, abs=0.02)
    assert len(row["attempts"]) == 6
    lengths = [len(samples_of(piece)) / 16_000 for piece in pieces(spare)]
    expected = sum(lengths) * 0.1 + (SECONDS - sum(lengths)) * 0.01
    assert row["cost_usd"] == pytest.approx(expected, rel=0.01)
    assert 0 <= row["overhead_ms"] < row["latency_ms"]


def test_pieces_that_were_heard_before_the_cutting_failed_cost_too(
    gateway: RunningGateway, http: httpx.Client, upstream: Upstream
) -> None:
    """What cannot be cut to its end goes out whole, but what was heard before was paid for. The last piece was perhaps
    under way."""
    upstream.hears = False
    broken = bytearray(encoded(ENDLESS, "flac", "flac"))
    for at in range(len(broken) * 3 // 4, len(broken) - 400, 1500):
        broken[at : at + 300] = bytes(300)
    reply = ask(http, "narrow", bytes(broken))
    *heard, whole = pieces(upstream)
    assert reply.status_code == 200 and len(heard) > 10 and whole == broken
    seconds = [len(samples_of(piece)) / 16_000 for piece in heard]
    row = row_of(gateway, http, reply.headers["x-request-id"])
    assert row["seconds"] == pytest.approx(12 * SECONDS, abs=0.1), "of the answer"
    paid = row["cost_usd"] * 100 - row["seconds"]
    assert sum(seconds[:-1]) - 0.1 <= paid <= sum(seconds) + 0.1


def row_of(gateway: RunningGateway, http: httpx.Client, request_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def there() -> bool:
        reply = http.get(f"/api/admin/requests/{request_id}")
        found.update(reply.json() if reply.status_code == 200 else {})
        return bool(found)

    assert eventually(there)
    return found
