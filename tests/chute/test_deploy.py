"""deploy.sh with the real command line against an API that refuses: errors that end with 0 must not pass."""

import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.chute


class RefusingApi(BaseHTTPRequestHandler):
    """`image` is what GET /images/{id} says, None for 404. Every POST is refused with 401 and its own words."""

    image: ClassVar[str | None] = None
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(f"GET {self.path}")
        found = self.path.startswith("/images/") and self.image
        self._answer(200 if found else 404, b'{"status": "%s"}' % (self.image or "").encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(f"POST {self.path}")
        self._answer(401, b'{"detail": "who are you?"}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def api() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), RefusingApi)
    thread = Thread(target=server.serve_forever)
    thread.start()
    RefusingApi.seen, RefusingApi.image = [], None
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def deploy(folder: Path, api: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    config = folder / "config.ini"
    config.write_text(
        f"[api]\nbase_url = {api}\n[auth]\nusername = dummy\nuser_id = u\nhotkey_name = h\nhotkey_seed = {'11' * 32}\n"
        "hotkey_ss58address = 5DtDLm5rQHShDqojQpsvcN8tRXHVFaecfDoRet1SU6BFD9Fi\n"
    )
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    given = {
        "HOME": str(folder),
        "CHUTES_CONFIG_PATH": str(config),
        "STATE_DIR": str(folder),
        "CHUTES_API_KEY": "cpk_secret",
    }
    return subprocess.run(
        ["./deploy.sh", *arguments],
        cwd=ROOT,
        env={**kept, **given, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_dry_run_shows_everything_and_sends_nothing(tmp_path: Path, api: str) -> None:
    done = deploy(tmp_path, api, "--dry-run")
    assert done.returncode == 0, done.stderr
    for part in (
        "FROM parachutes/",
        "ADD gateway /app/gateway",
        "/v1/chat/completions",
        "pro_6000",
        "one-time fee $5.40",
    ):
        assert part in done.stdout
    assert "CHUTES_API_KEY" in done.stdout
    assert "cpk_secret" not in done.stdout + done.stderr
    assert RefusingApi.seen == []


def test_a_problem_ends_it_before_anything_is_sent(tmp_path: Path, api: str) -> None:
    done = deploy(tmp_path, api, CHUTE_NAME="Bad_Name", CHUTE_BASE_IMAGE="ubuntu:24.04")
    assert done.returncode == 1
    assert "problem: chute name 'Bad_Name'" in done.stderr
    assert "ubuntu:24.04" in done.stderr
    assert RefusingApi.seen == []


def test_a_refused_build_is_an_error_although_the_command_line_ends_with_0(tmp_path: Path, api: str) -> None:
    done = deploy(tmp_path, api, CHUTE_IMAGE="slim")
    assert "POST /images/" in RefusingApi.seen
    assert done.returncode == 1, done.stdout
    assert "Authorization error" in done.stdout
    assert "the image was not accepted" in done.stderr


def test_a_refused_deployment_is_an_error_although_the_command_line_ends_with_0(tmp_path: Path, api: str) -> None:
    RefusingApi.image = "built and pushed"
    done = deploy(tmp_path, api, "--accept-fee")
    assert "POST /chutes/?accept_fee=true" in RefusingApi.seen
    assert done.returncode == 1, done.stdout
    assert "who are you?" in done.stdout
    assert "the chute was not deployed" in done.stderr


def test_a_failed_build_is_told_in_the_platforms_words(tmp_path: Path, api: str) -> None:
    RefusingApi.image = "error"
    done = deploy(tmp_path, api)
    assert done.returncode == 1
    assert "the image was not built: error" in done.stderr


def test_an_unreachable_api_is_said(tmp_path: Path) -> None:
    done = deploy(tmp_path, "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
