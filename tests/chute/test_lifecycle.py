"""How a chute starts and ends as a process: SIGTERM under `chutes run`, and `python chute_gateway.py`.

Rows of docs/acceptance.md: A003-12.
"""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.api.leaving import eventually
from tests.chute.process import ROOT, Process, chutes_run, run_local
from tests.fakes.ports import free_port
from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.chute

BODY = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hello"}], "stream": True}


def stream_in_background(process: Process) -> tuple[threading.Thread, list[str]]:
    """A stream that has begun; the list fills with its text, and with the error that cut it."""
    received: list[str] = []
    begun = threading.Event()

    def read() -> None:
        try:
            url, headers = f"{process.url}/v1/chat/completions", auth(process)
            with httpx.stream("POST", url, json=BODY, headers=headers, timeout=60) as reply:
                for text in reply.iter_text():
                    received.append(text)
                    begun.set()
        except httpx.TransportError as error:
            received.append(repr(error))

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(60), process.log
    return thread, received


def drains(process: Process, seconds: float = 20) -> None:
    """Waits until it has heard the signal, and turns away what is quick elsewhere."""
    until = time.monotonic() + seconds
    body = {"model": "text-embed", "input": "x"}
    while process.post("/v1/embeddings", json=body).status_code != 429:
        assert time.monotonic() < until, process.log
        time.sleep(0.05)


def auth(process: Process) -> dict[str, str]:
    return {"Authorization": f"Bearer {process.master_key}"}


@pytest.mark.parametrize("start", [chutes_run, run_local])
def test_sigterm_lets_a_running_stream_finish(start: object, upstream: Upstream, tmp_path: Path) -> None:
    upstream.tokens, upstream.faults["gpt-x"] = 40, "slow:0.05"
    process: Process = start(tmp_path, upstream.url)  # type: ignore[operator]
    process.wait()
    thread, received = stream_in_background(process)
    asked = time.monotonic()
    code = process.stop(signal.SIGTERM)
    thread.join(20)
    assert "".join(received).endswith("data: [DONE]\n\n"), process.log
    assert time.monotonic() - asked < 35
    assert code in (0, -signal.SIGTERM)
    assert "Traceback" not in process.log


def test_while_draining_new_calls_are_turned_away(upstream: Upstream, tmp_path: Path) -> None:
    release, upstream.faults["gpt-x"] = upstream.hold(), "held:3"
    process = chutes_run(tmp_path, upstream.url, CHUTE_DRAIN_SECONDS="60").wait()
    thread, _ = stream_in_background(process)
    process.child.send_signal(signal.SIGTERM)
    drains(process)
    reply = process.post("/v1/chat/completions", json=BODY)
    assert reply.status_code == 429
    assert "retry-after" in reply.headers
    release()
    thread.join(40)
    assert process.child.wait(40) == 0
    process.stop()


def test_a_second_signal_ends_it_at_once(upstream: Upstream, tmp_path: Path) -> None:
    upstream.faults["gpt-x"] = "stall:3"
    process = chutes_run(tmp_path, upstream.url, CHUTE_DRAIN_SECONDS="60").wait()
    thread, received = stream_in_background(process)
    process.child.send_signal(signal.SIGTERM)
    drains(process)
    assert process.stop(signal.SIGTERM) == 128 + signal.SIGTERM
    thread.join(20)
    assert "Error" in received[-1]


def test_run_local_serves_the_whole_gateway_on_loopback_only(upstream: Upstream, tmp_path: Path) -> None:
    process = run_local(tmp_path, upstream.url).wait()
    try:
        assert process.get("/_procs").status_code == 404
        assert process.get("/health").json()["status"] == "healthy"
        assert process.post("/v1/chat/completions", json=BODY).status_code == 401
        routed = {**BODY, "path": "/v1/chat/completions", "stream": False}
        assert process.post("/route", json=routed).status_code == 401
        assert process.post("/route", json=routed, headers=auth(process)).json()["choices"]
        listening = Path(f"/proc/{process.child.pid}/net/tcp").read_text()
        assert f"0100007F:{process.port:04X}" in listening
        assert f"00000000:{process.port:04X}" not in listening
    finally:
        process.stop()


def test_the_printed_curl_line_works(upstream: Upstream, tmp_path: Path) -> None:
    process = run_local(tmp_path, upstream.url).wait()
    try:
        assert eventually(lambda: re.search(r"^ *curl .*\n", process.log, re.MULTILINE), 60)
        line = next(line for line in process.log.splitlines() if line.strip().startswith("curl "))
        assert process.master_key not in line
        answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
        assert '"choices"' in answer.stdout
    finally:
        process.stop()


def test_of_many_models_the_greeting_names_a_few(upstream: Upstream, tmp_path: Path) -> None:
    config = tmp_path / "many.yaml"
    names = ", ".join(f"org/model-{n}" for n in range(1200))
    config.write_text(f'providers: {{many: {{base_url: "{upstream.url}/v1", api_key: sk-x, models: [{names}]}}}}')
    process = run_local(tmp_path, upstream.url, GATEWAY_CONFIG=str(config)).wait()
    try:
        said = "  and 1,180 more: GET /v1/models names all of them\n"
        assert eventually(lambda: said in process.log, 60), process.log
        assert process.log.count("org/model-") == 21  # 20 in the list and one in the request to try
        assert len(process.get("/v1/models", headers=auth(process)).json()["data"]) == 1200
    finally:
        process.stop()


def test_a_gateway_without_models_says_where_they_come_from(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").touch()
    process = run_local(tmp_path, "http://127.0.0.1:9", GATEWAY_CONFIG=str(tmp_path / "empty.yaml")).wait()
    try:
        said = "No models yet: connect a provider in the web UI or gateway.yaml"
        assert eventually(lambda: said in process.log, 60), process.log
    finally:
        process.stop()


def test_a_bad_configuration_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("providers:\n  x: {bas_url: http://127.0.0.1}\n")
    done = subprocess.run(
        [sys.executable, "chute_gateway.py"],
        cwd=ROOT,
        env={"GATEWAY_CONFIG": str(tmp_path / "gateway.yaml"), "STATE_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "gateway.yaml, line 2, providers.x.bas_url" in done.stderr


@pytest.mark.parametrize("command", [("chute_gateway.py",), ("-m", "gateway", "serve")])
def test_ctrl_c_ends_it_without_a_traceback(command: tuple[str, ...], upstream: Upstream, tmp_path: Path) -> None:
    port = free_port()
    process = Process([sys.executable, *command, "--port", str(port)], port, tmp_path, upstream.url).wait()
    assert process.stop(signal.SIGINT) == 128 + signal.SIGINT
    assert "Traceback" not in process.log and "KeyboardInterrupt" not in process.log


@pytest.mark.parametrize("command", [("chute_gateway.py",), ("-m", "gateway", "serve")])
def test_an_address_that_cannot_be_had_is_said(command: tuple[str, ...], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = Process([sys.executable, *command, "--port", str(port)], port, tmp_path, "http://127.0.0.1:9")
        assert process.child.wait(120) == 1, process.log
    assert "address already in use" in process.log
    assert f"error: cannot listen on http://127.0.0.1:{port}; choose with --host and --port" in process.log
    assert "Traceback" not in process.log
    process.stop()


def test_a_port_that_cannot_be_is_refused(tmp_path: Path) -> None:
    process = Process([sys.executable, "chute_gateway.py", "--port", "99999"], 0, tmp_path, "http://127.0.0.1:9")
    assert process.child.wait(120) == 1
    assert process.log == "error: command line: PORT: Input should be less than or equal to 65535 (got 99999)\n"
    process.stop()


def test_reload_starts_the_same_gateway(upstream: Upstream, tmp_path: Path) -> None:
    process = run_local(tmp_path, upstream.url, "--reload").wait()
    try:
        assert process.get("/health").json()["status"] == "healthy"
    finally:
        process.stop(signal.SIGINT)
