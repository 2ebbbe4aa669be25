"""Logs: one line a request, its id everywhere, and never a prompt or a key, whatever goes wrong."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr

import pytest

from gateway.errors import StorageUnavailable, UpstreamRefused
from gateway.observe import logs
from tests.fakes.http_server import Exchange, HttpServer
from tests.trust.processes import MASTER, Served

PROMPT, CALLER_KEY, PROVIDER_KEY = "canary-of-the-prompt", "sk-canary-of-the-caller", "canary-of-the-provider-key"
CONFIG = """
providers:
  echo: {base_url: "%s", api_key: "%s", max_retries: 0, models: [gpt-x]}
"""


async def _echo(exchange: Exchange) -> None:
    """A provider that repeats everything in its complaint."""
    request = exchange.request
    said = f"{request.headers.get('authorization')} sent {request.body.decode('utf-8', 'replace')}"
    status = {"refuse": 400, "fail": 500}.get(request.json.get("user", ""), 401)
    exchange.send_json(status, {"error": {"message": said}})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """What is left in the log after requests of every kind."""
    provider = HttpServer(_echo)
    provider.start()
    serving = Served(tmp_path_factory.mktemp("home"), yaml=CONFIG % (provider.url, PROVIDER_KEY))
    messages = [{"role": "user", "content": PROMPT}]
    with serving, serving.http() as known, serving.http(CALLER_KEY) as stranger:
        for user in ("refuse", "fail", "credentials"):
            body = {"model": "gpt-x", "messages": messages, "user": user}
            known.post("/v1/chat/completions", json=body)
            known.post("/v1/chat/completions", json=body | {"stream": True})
        stranger.post("/v1/chat/completions", json={"model": "gpt-x", "messages": messages})
        known.post("/v1/chat/completions", content=b'{"model": "gpt-x", "messages": ["' + PROMPT.encode())
        known.post("/v1/chat/completions", json={"model": "gpt-x", "messages": PROMPT, "stream": PROMPT})
        known.post("/v1/embeddings", json={"model": "gpt-x", "input": [PROMPT, {"canary": PROMPT}]})
        known.post("/v1/audio/transcriptions", data={"model": "gpt-x", "prompt": PROMPT}, files={"file": b"RIFF"})
        known.post("/v1/ocr", json={"model": "gpt-x", "image_url": f"https://127.0.0.1/{PROMPT}?key={CALLER_KEY}"})
        known.post(f"/v1/chat/completions?gw_key={CALLER_KEY}", json={"model": "gpt-x", "messages": messages})
        known.get(f"/v1/models?key={CALLER_KEY}")
        known.post("/api/admin/login", json={"username": "ada", "password": PROMPT})
    provider.stop()
    return serving


def test_no_prompt_and_no_key_is_in_the_log(served: Served) -> None:
    for canary in (PROMPT, CALLER_KEY, PROVIDER_KEY, MASTER):
        assert canary not in served.log


def test_every_inference_request_leaves_one_line_with_its_id(served: Served) -> None:
    written = [json.loads(line) for line in served.log.splitlines() if line.startswith("{")]
    lines = [line for line in written if line["logger"] == "gateway.request"]
    assert len(lines) == 13
    assert len({line["request_id"] for line in lines}) == 13
    assert {line["error"] for line in lines} >= {"upstream_credentials_refused", "invalid_api_key", "invalid_json"}
    assert all({"time", "level", "message", "ms"} <= line.keys() for line in lines)


def test_the_line_of_a_failure_says_who_was_tried(served: Served) -> None:
    written = [json.loads(line) for line in served.log.splitlines() if line.startswith("{")]
    tried = {line["error"]: line["attempts"] for line in written if "attempts" in line}
    for code in ("upstream_server_error", "upstream_credentials_refused"):
        assert tried[code] == f"echo/gpt-x={code}"
    refused = [line for line in written if line.get("error") == "invalid_api_key"]
    assert refused and "attempts" not in refused[0]


LOGGER = logging.getLogger("gateway.tested")
Written = Callable[[Callable[[], None]], list[str]]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """What is on standard error after something was logged: as JSON and as text."""
    root, levels = (
        logging.getLogger(),
        {name: logging.getLogger(name).level for name in ("", "gateway", "chute_models")},
    )
    handlers = root.handlers[:]

    def both(say: Callable[[], None]) -> list[str]:
        found = []
        for form in ("json", "pretty"):
            logs.configure("info", form)
            say()
            found.append(capsys.readouterr().err)
        return found

    yield both
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def fail_with(error: Exception) -> None:
    try:
        try:
            raise KeyError(PROMPT)
        except KeyError as cause:
            raise error from cause
    except Exception:
        LOGGER.exception("it failed")


@pytest.mark.parametrize(
    "error",
    [
        ValueError(PROMPT),
        RuntimeError(f"cannot send {PROVIDER_KEY}"),
        UpstreamRefused(f"You said {PROMPT}"),
        UnicodeEncodeError("utf-8", PROMPT, 0, 1, PROMPT),
        ExceptionGroup(PROMPT, [ValueError(PROMPT)]),
    ],
)
def test_an_unforeseen_exception_shows_its_class_and_place_but_not_its_text(written: Written, error: Exception) -> None:
    for line in written(lambda: fail_with(error)):
        assert PROMPT not in line and PROVIDER_KEY not in line
        assert type(error).__name__ in line and "test_logs.py" in line and "caused by builtins.KeyError" in line


@pytest.mark.parametrize("with_record", [True, False])
def test_a_name_that_a_caller_chose_begins_no_line_of_its_own(written: Written, with_record: bool) -> None:
    fields = {"model": "m\r\n12:00:00 info    all is well\x1b[31m\u2028\u202e \U0001f600 \xfc", "cache": None}

    def say() -> None:
        if with_record:
            LOGGER.info("tried %s", "a\nb", extra=fields)
        else:
            logs.tell(LOGGER, "tried a\nb", fields)

    document, text = written(say)
    told = json.loads(document)
    assert told.pop("time").endswith("Z")
    known = {"message": "tried a\nb", "model": fields["model"]}
    assert told == {"level": "info", "logger": "gateway.tested", **known} and document.count("\n") == 1
    assert text.endswith(
        "tried a\\nb  model=m\\r\\n12:00:00 info    all is well\\x1b[31m\\u2028\\u202e \U0001f600 \xfc\n"
    )
    assert text[:-1].isprintable()


def test_half_a_character_in_a_name_is_escaped(written: Written) -> None:
    document, text = written(lambda: logs.tell(LOGGER, "asked", {"model": "\ud83d"}))
    assert json.loads(document)["model"] == "\ud83d" and text.endswith("model=\\ud83d\n")


def test_lines_of_one_round_come_together_and_a_warning_at_once(written: Written) -> None:
    seen: list[list[str]] = []

    async def work() -> None:
        stderr = io.StringIO()
        with redirect_stderr(stderr):
            logs.tell(LOGGER, "first", {})
            LOGGER.info("second")
            seen.append(stderr.getvalue().split())
            LOGGER.warning("third")
            seen.append(stderr.getvalue().split())
            logs.tell(LOGGER, "fourth", {})
            await asyncio.to_thread(LOGGER.info, "fifth")
            seen.append(stderr.getvalue().split())
            logs.tell(LOGGER, "sixth", {})
            await asyncio.sleep(0)
            seen.append(stderr.getvalue().split())

    written(lambda: asyncio.run(work()))
    words = ["first", "second", "third", "fourth", "fifth", "sixth"]
    for said, n in zip(seen[4:], (0, 3, 5, 6), strict=True):
        assert [word for word in said if word in words] == words[:n]


def test_a_log_that_nobody_takes_stops_nothing(written: Written) -> None:
    closed = io.StringIO()
    closed.close()
    with redirect_stderr(closed):
        logs.tell(LOGGER, "first", {})
        LOGGER.error("second")
    assert written(lambda: LOGGER.info("third"))[1].split()[2:] == ["third"]


@pytest.mark.parametrize("error", [StorageUnavailable("The database is gone."), OSError(28, "No space left")])
def test_an_exception_that_quotes_no_request_keeps_its_text(written: Written, error: Exception) -> None:
    assert all(str(error) in line for line in written(lambda: fail_with(error)))
