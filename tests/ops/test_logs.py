"""Logs: one line a request, its id everywhere, and never a prompt or a key, whatever goes wrong."""

import json
import logging
import sys

import pytest

from gateway.errors import StorageUnavailable, UpstreamRefused
from gateway.observe.logs import _Json, _Pretty
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


def formatted(error: Exception) -> list[str]:
    try:
        try:
            raise KeyError(PROMPT)
        except KeyError as cause:
            raise error from cause
    except Exception:
        record = logging.LogRecord("gateway", logging.ERROR, __file__, 1, "it failed", (), sys.exc_info())
    return [_Json().format(record), _Pretty().format(record)]


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
def test_an_unforeseen_exception_shows_its_class_and_place_but_not_its_text(error: Exception) -> None:
    for line in formatted(error):
        assert PROMPT not in line and PROVIDER_KEY not in line
        assert type(error).__name__ in line and "test_logs.py" in line and "caused by builtins.KeyError" in line


def test_a_name_that_a_caller_chose_begins_no_line_of_its_own() -> None:
    record = logging.LogRecord("gateway.request", logging.INFO, __file__, 1, "tried %s", ("a\nb",), None)
    record.model = "m\r\n12:00:00 info    all is well\x1b[31m\u2028\u202e \U0001f600 \xfc"
    line = _Pretty().format(record)
    assert line.endswith(
        "tried a\\nb  model=m\\r\\n12:00:00 info    all is well\\x1b[31m\\u2028\\u202e \U0001f600 \xfc"
    )
    assert line.isprintable() and "\n" not in _Json().format(record)


@pytest.mark.parametrize("error", [StorageUnavailable("The database is gone."), OSError(28, "No space left")])
def test_an_exception_that_quotes_no_request_keeps_its_text(error: Exception) -> None:
    assert all(str(error) in line for line in formatted(error))
