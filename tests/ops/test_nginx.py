"""The nginx configuration of deploy/, run by a real nginx before a real gateway: streams, WebSocket, addresses, TLS.

Rows of docs/acceptance.md: A002-03, A002-34.
"""

import json
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.fakes.certificates import Authority
from tests.fakes.ports import free_port
from tests.fakes.upstream import Upstream
from tests.trust.processes import MASTER, Served, chat_body, eventually, provider_yaml

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")

CONFIG = Path(__file__).resolve().parents[2] / "deploy/nginx.conf"
AROUND = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/gateway.conf;
}}
"""


class Front:
    """nginx with our file, its ports and certificate moved to where a test may have them."""

    def __init__(self, folder: Path, gateway_port: int) -> None:
        self.port, plain = free_port(), free_port()
        Authority(folder).server("127.0.0.1")
        (pem,) = folder.glob("*.pem")
        text = CONFIG.read_text()
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{gateway_port}")
        text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl{_http2()};")
        text = text.replace("listen 80;", f"listen 127.0.0.1:{plain};")
        if _http2():
            text = text.replace("    http2 on;\n", "")
        text = re.sub(r"ssl_certificate +\S+;", f"ssl_certificate {pem};", text)
        text = re.sub(r"ssl_certificate_key +\S+;", f"ssl_certificate_key {pem};", text)
        (folder / "gateway.conf").write_text(text)
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
        self.command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        checked = subprocess.run([*self.command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        self.url, self.plain = f"https://127.0.0.1:{self.port}", f"http://127.0.0.1:{plain}"
        self._process = subprocess.Popen(self.command)
        eventually(lambda: self._answers() or self._process.poll() is not None)
        assert self._process.poll() is None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/live", verify=False).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)


def _http2() -> str:
    """`http2 on` came with nginx 1.25.1; older ones take it in the `listen` line."""
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    version = tuple(int(part) for part in re.findall(r"\d+", said)[:3])
    return " http2" if version < (1, 25, 1) else ""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("gateway")
    with Served(folder, yaml=provider_yaml(upstream_server.url), TRUSTED_PROXIES="127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def front(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    running = Front(tmp_path_factory.mktemp("nginx"), served.port)
    yield running
    running.stop()


def client(front: Front, key: str = MASTER, **headers: str) -> httpx.Client:
    given = {"authorization": f"Bearer {key}", **headers}
    return httpx.Client(base_url=front.url, headers=given, verify=False, timeout=60, http2=True)


def test_a_stream_arrives_piece_by_piece(front: Front, upstream: Upstream) -> None:
    """The upstream stands still after three events: whoever buffers would have nothing to show."""
    upstream.faults["*"] = "stall:3"
    with client(front) as asking, asking.stream("POST", "/v1/chat/completions", json=chat_body(stream=True)) as answer:
        assert answer.status_code == 200 and answer.http_version == "HTTP/2"
        arrived = next(line for line in answer.iter_lines() if line.startswith("data: {"))
    assert "choices" in json.loads(arrived.removeprefix("data: "))


def test_the_address_behind_the_proxy_counts_for_a_key_that_is_fenced(front: Front, served: Served) -> None:
    with served.http() as admin:
        made = admin.post("/api/admin/apikeys", json={"name": "fenced", "allowed_ips": ["203.0.113.0/24"]}).json()
        direct = admin.get("/v1/models", headers={"authorization": f"Bearer {made['key']}"})
        assert direct.status_code == 403
    with client(front, made["key"]) as outside:
        assert outside.get("/v1/models").status_code == 403
    # nginx adds the address that it sees, 127.0.0.1, which is trusted: the next one to the left is the caller's.
    with client(front, made["key"], **{"x-forwarded-for": "203.0.113.9"}) as inside:
        assert inside.get("/v1/models").status_code == 200
    with client(front, made["key"], **{"x-forwarded-for": "203.0.113.9, 198.51.100.1"}) as liar:
        assert liar.get("/v1/models").status_code == 403


def test_the_live_view_gets_through_as_a_websocket(front: Front) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    url, headers = f"wss://127.0.0.1:{front.port}/api/admin/live", {"authorization": f"Bearer {MASTER}"}
    with connect(url, ssl=trusting, additional_headers=headers, proxy=None) as live:
        assert "type" in json.loads(live.recv(timeout=60))


def test_http_leads_to_https_and_figures_stay_inside(front: Front) -> None:
    redirect = httpx.get(f"{front.plain}/ui")
    assert redirect.status_code == 301 and redirect.headers["location"].startswith("https://")
    with client(front) as asking:
        assert asking.get("/metrics").status_code == 403 and asking.get("/stats").status_code == 403


def test_a_body_larger_than_nginxs_own_limit_reaches_the_gateway(front: Front, upstream: Upstream) -> None:
    with client(front) as asking:
        answer = asking.post("/v1/chat/completions", json=chat_body(padding="x" * 3 * 2**20))
        assert answer.status_code == 200, answer.text
