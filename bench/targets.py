"""What is measured: the mock alone, the gateway, and its peers, each on a free port before one mock upstream."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from bench.bodies import body_of
from bench.processes import LOAD_CORE, Server, free_port, start, wait_for_answer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / "build" / "bench"
PEERS = BUILD / "peers"
KEY = "sk-bench-0123456789abcdef"
LIMITED_KEY = "sk-gw-limited-0123456789"
_FAR = 10**9
_START_LIMIT = 120.0


class Unavailable(Exception):
    """This target cannot take part here; the message says why."""


@dataclass(slots=True)
class Target:
    name: str
    server: Server
    version: str
    chat: str = "m-chat"
    embedding: str = "m-embed"
    base: str = "/v1"
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {KEY}"})

    def wait(self, limit: float = _START_LIMIT) -> None:
        headers = {**self.headers, "Content-Type": "application/json"}
        body = body_of("chat", self.chat, self.embedding)
        if problem := wait_for_answer(self.server, f"{self.base}/chat/completions", body, headers, limit):
            raise Unavailable(problem)


def start_mock(folder: Path, seconds: int) -> Target:
    port = free_port()
    server = start([str(BUILD / "mock"), str(port), str(seconds)], folder / "mock", core=LOAD_CORE)
    server.port = port
    return Target("direct", server, "the mock itself")


def gateway_document(
    mock: int, port: int, keys: int = 0, models: int = 0, *, limited: bool = False
) -> dict[str, object]:
    """A gateway.yaml (JSON is YAML) with that many keys and models beside the two that are asked. `limited`: with a
    key, too, that has limits of all kinds and a budget, all out of reach, and a price for the chat model."""
    names = [{"id": "up-chat", "name": "m-chat"}, {"id": "up-embed", "name": "m-embed", "type": "embedding"}]
    names += [{"id": f"up-{n}", "name": f"org/model-{n}"} for n in range(models)]
    provider = {"type": "openai", "base_url": f"http://127.0.0.1:{mock}/v1", "api_key": "sk-upstream", "models": names}
    document: dict[str, object] = {"port": port, "providers": {"mock": provider}}
    if keys:
        document["keys"] = [{"name": f"key-{n}", "key": f"sk-gw-filler-{n:010d}"} for n in range(keys)]
    if limited:
        limits = {"rpm": _FAR, "tpm": _FAR, "max_parallel": _FAR, "budget_usd": _FAR}
        document["keys"] = [{"name": "limited", "key": LIMITED_KEY, **limits}]
        document["prices"] = {"mock/up-chat": {"input": 0.08, "output": 0.24}}
    return document


def start_gateway(
    folder: Path, mock: int, *, keys: int = 0, models: int = 0, limited: bool = False, name: str = "gateway"
) -> Target:
    """Asked with the master key; `limited`: with the key that has limits."""
    port, place = free_port(), folder / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "gateway.yaml").write_text(json.dumps(gateway_document(mock, port, keys, models, limited=limited)))
    env = {"ENGINES": "off", "ALLOW_PRIVATE_UPSTREAMS": "1", "LOG_LEVEL": "warning", "MASTER_API_KEY": KEY}
    server = start([str(ROOT / ".venv/bin/gateway"), "serve", "--config", "gateway.yaml"], place, env=env)
    server.port = port
    key = LIMITED_KEY if limited else KEY
    return Target(name, server, "this commit", headers={"Authorization": f"Bearer {key}"})


def _filled(template: str, place: Path, **values: object) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    made = place / template
    made.write_text(Template((HERE / "peers" / template).read_text()).safe_substitute(values))
    return made


def _installed_version(name: str) -> str:
    if not (PEERS / name / "installed.txt").exists():
        raise Unavailable("its package could not be installed here")
    return (PEERS / name / "installed.txt").read_text().split()[0].replace("==", " ").replace("=", " ")


def _python(name: str) -> str:
    asked = subprocess.run([str(PEERS / name / "bin/python"), "-V"], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _start_nginx(folder: Path, mock: int) -> Target:
    version, port, place = _installed_version("nginx"), free_port(), folder / "nginx"
    config = _filled("nginx.conf", place, mock=mock, port=port)
    server = start([str(PEERS / "nginx/usr/sbin/nginx"), "-p", str(place), "-c", str(config), "-e", "stderr"], place)
    server.port = port
    return Target("nginx", server, version, chat="up-chat", embedding="up-embed")


def _start_node(folder: Path, mock: int) -> Target:
    if not shutil.which("node"):
        raise Unavailable("there is no node here")
    port = free_port()
    server = start(["node", str(HERE / "peers/proxy.mjs"), str(port), str(mock), KEY], folder / "node")
    server.port = port
    return Target("node proxy", server, "bench/peers/proxy.mjs")


def _start_litellm(folder: Path, mock: int) -> Target:
    version, port, place = f"{_installed_version('litellm')}, {_python('litellm')}", free_port(), folder / "litellm"
    config = _filled("litellm.yaml", place, mock=mock, key=KEY)
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}
    path = f"{PEERS / 'litellm/bin'}:{os.environ.get('PATH', '')}"
    command = [str(PEERS / "litellm/bin/litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    server = start([*command, "--num_workers", "1"], place, env={**env, "PATH": path})
    server.port = port
    return Target("LiteLLM", server, version)


def _start_sglang(folder: Path, mock: int) -> Target:
    version, port = _installed_version("sglang-router"), free_port()
    command = [str(PEERS / "sglang-router/bin/python"), "-m", "sglang_router.launch_router", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--worker-urls", f"http://127.0.0.1:{mock}", "--policy", "round_robin"]
    command += ["--log-level", "error", "--prometheus-port", str(free_port())]
    server = start(command, folder / "sglang")
    server.port = port
    return Target("sglang-router", server, version, chat="up-chat", embedding="up-embed")


def _start_tensorzero(folder: Path, mock: int) -> Target:
    version, place = _installed_version("tensorzero"), folder / "tensorzero"
    config, address = _filled("tensorzero.toml", place, mock=mock), place / "address"
    server = start(
        [str(PEERS / "tensorzero/bin/python"), str(HERE / "peers/tensorzero_server.py"), str(config), str(address)],
        place,
    )
    for _ in range(600):
        if address.exists() and address.read_text():
            break
        time.sleep(0.1)
    else:
        server.stop()
        raise Unavailable("its gateway did not start")
    server.port = int(address.read_text().split(":")[2].split("/")[0])
    names = ("tensorzero::model_name::m-chat", "tensorzero::embedding_model_name::m-embed")
    return Target("TensorZero", server, version, *names, base="/openai/v1")


STARTERS: dict[str, Callable[[Path, int], Target]] = {
    "nginx": _start_nginx,
    "gateway": start_gateway,
    "node": _start_node,
    "litellm": _start_litellm,
    "sglang": _start_sglang,
    "tensorzero": _start_tensorzero,
}
