"""Instances of chutes: processes that are started on the first call, counted as failing, taken out, and stopped.

An instance runs `gateway/chute/instance.py` on the recorded files of its image with the one deployed code file, in an
environment of its own. Called by the hosts and by the warm-up routes.
"""

import asyncio
import base64
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx

from gateway.platform.builder import read_environment
from gateway.platform.signatures import Hotkey, digest
from gateway.platform.world import Chute, World

RUNNER = Path(__file__).parent.parent / "chute" / "instance.py"
MAX_FAILURES = 7
OUT_SECONDS = (90.0, 300.0, 900.0)
"""How long an instance is out, the first time and later; after that it is deleted."""
START_SECONDS = 120.0
_LOOK = 0.1
_STOP_SECONDS = 30.0
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")


@dataclass(slots=True, eq=False)
class Instance:
    instance_id: str
    chute_id: str
    version: str
    port: int
    process: asyncio.subprocess.Process
    log: Path
    client: httpx.AsyncClient
    active: bool = False
    failures: int = 0
    most_failures: int = 0
    times_out: int = 0
    out_until: float = 0.0
    in_flight: int = 0
    last_call: float = field(default_factory=time.monotonic)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def usable(self) -> bool:
        return self.active and self.process.returncode is None and time.monotonic() >= self.out_until


class Fleet:
    """`images` is the folder of recorded images; `engine_python` replaces an image's engines' interpreter, which is
    not there without a container runtime."""

    def __init__(self, world: World, folder: Path, images: Path, engine_python: str) -> None:
        self._world = world
        self._folder = folder
        self._images = images
        self._engine_python = engine_python
        self._instances: list[Instance] = []
        self._starting: dict[str, asyncio.Task[None]] = {}
        self.network: dict[str, str] = {}
        """Where an instance finds the platform's hosts: settings in place of names that lead to the live ones."""
        self.validator = Hotkey(bytes.fromhex("22" * 32))
        self.miner = Hotkey(bytes.fromhex("33" * 32))

    def of(self, chute: Chute) -> list[Instance]:
        return [one for one in self._instances if one.chute_id == chute.chute_id and one.process.returncode is None]

    def find(self, instance_id: str) -> Instance | None:
        return next((one for one in self._instances if one.instance_id == instance_id), None)

    def usable(self, chute: Chute) -> list[Instance]:
        """The least busy first; those of an older version only while none of the newest is up."""
        ready = [one for one in self.of(chute) if one.usable]
        newest = [one for one in ready if one.version == chute.version]
        return sorted(newest or ready, key=lambda one: one.in_flight)

    def warm(self, chute: Chute) -> None:
        """Starts an instance of the newest version unless there is one, or one is starting."""
        if chute.stand_in or chute.chute_id in self._starting:
            return
        if any(one.version == chute.version for one in self.of(chute)):
            return
        task = asyncio.create_task(self._start(chute))
        self._starting[chute.chute_id] = task
        task.add_done_callback(lambda _: self._starting.pop(chute.chute_id, None))

    def is_starting(self, chute: Chute) -> bool:
        return chute.chute_id in self._starting

    def failed(self, instance: Instance, *, deadly: bool = False) -> None:
        """Counts one failure; the seventh in a row takes the instance out. `deadly`: it is deleted at once (426)."""
        instance.failures += 1
        instance.most_failures = max(instance.most_failures, instance.failures)
        if deadly or (instance.failures >= MAX_FAILURES and instance.times_out >= len(OUT_SECONDS)):
            self._end(instance)
        elif instance.failures >= MAX_FAILURES:
            instance.out_until = time.monotonic() + OUT_SECONDS[instance.times_out]
            instance.times_out += 1
            instance.failures = 0

    def succeeded(self, instance: Instance) -> None:
        instance.failures = 0

    async def _start(self, chute: Chute) -> None:
        instance = await self._spawn(chute)
        self._instances.append(instance)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and instance.process.returncode is None:
            if await self._pings(instance):
                instance.active = True
                self._retire(chute, instance)
                return
            await asyncio.sleep(_LOOK)
        self._end(instance)

    def _retire(self, chute: Chute, newest: Instance) -> None:
        """A rolling update: older versions go once the newest is up."""
        for one in self.of(chute):
            if one is not newest and one.version != newest.version:
                self._end(one)

    async def _spawn(self, chute: Chute) -> Instance:
        instance_id = str(uuid4())
        folder = self._folder / instance_id
        app = _assembled(chute, self._images / chute.image_id, folder)
        log, port = folder / "log", _free_port()
        module, _, name = chute.request["ref_str"].partition(":")
        arguments = [f"{module}:{name}", "--port", str(port)]
        arguments += ["--miner", self.miner.address, "--validator", self.validator.address]
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", str(RUNNER), *arguments,
                cwd=app, env=self._environment(chute, folder), stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        # HTTP/1.1, because httpx closes no HTTP/2 stream that is left early, and an instance must learn who has gone
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        client = httpx.AsyncClient(timeout=600, trust_env=False, limits=limits)
        return Instance(instance_id, chute.chute_id, chute.version, port, process, log, client)

    def _environment(self, chute: Chute, folder: Path) -> dict[str, str]:
        """What the image says, what was made secret, and what the platform adds. Paths of the image are moved."""
        image = self._world.images[chute.image_id]
        baked = {name: _moved(value, folder) for name, value in read_environment(image.dockerfile).items()}
        if "CHUTE_ENGINE_PYTHON" in baked:
            baked["CHUTE_ENGINE_PYTHON"] = self._engine_python
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        added = {
            "CHUTES_EXECUTION_CONTEXT": "REMOTE",
            "CHUTES_LAUNCH_JWT": _launch_token(chute),
            "CHUTES_ALLOW_MISSING": "true",
            "CHUTES_CONFIG_PATH": str(folder / "no-config.ini"),
            "HF_HOME": str(folder / "cache"),
        }
        return {**kept, **self.network, **baked, **self._world.secrets.get(chute.chute_id, {}), **added}

    async def _pings(self, instance: Instance) -> bool:
        from_platform = self.headers(b"")
        try:
            reply = await instance.client.get(f"{instance.url}/{b'/_metrics'.hex()}", headers=from_platform, timeout=5)
        except httpx.HTTPError:
            return False
        return reply.status_code == 200

    def headers(self, body: bytes) -> dict[str, str]:
        """Signed as the platform signs its calls to instances (`authenticate_request` of the SDK)."""
        nonce = str(int(time.time()))
        content = digest(body) if body else "chutes"
        message = f"{self.miner.address}:{self.validator.address}:{nonce}:{content}"
        return {
            "X-Chutes-Miner": self.miner.address,
            "X-Chutes-Validator": self.validator.address,
            "X-Chutes-Nonce": nonce,
            "X-Chutes-Signature": self.validator.sign(message),
        }

    def cool(self, chute: Chute) -> None:
        """Ends all instances, as the platform does with an idle chute."""
        if task := self._starting.pop(chute.chute_id, None):
            task.cancel()
        for instance in self.of(chute):
            self._end(instance)

    def _end(self, instance: Instance) -> None:
        instance.active = False
        with suppress(ProcessLookupError):
            instance.process.send_signal(signal.SIGTERM)

    async def watch(self) -> None:
        """Ends instances that were idle for longer than their chute allows. Runs for ever."""
        while True:
            await asyncio.sleep(1)
            for instance in self._instances:
                chute = self._world.chutes.get(instance.chute_id)
                idle = time.monotonic() - instance.last_call
                allowed = (chute.request.get("shutdown_after_seconds") or 300) if chute else 0
                if instance.active and not instance.in_flight and idle > allowed:
                    self._end(instance)

    async def close(self) -> None:
        for task in self._starting.values():
            task.cancel()
        for instance in self._instances:
            self._end(instance)
        await asyncio.gather(*(_ended(instance) for instance in self._instances))


async def _ended(instance: Instance) -> None:
    await instance.client.aclose()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await instance.process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(instance.process.pid, signal.SIGKILL)
        await instance.process.wait()


def _assembled(chute: Chute, image: Path, folder: Path) -> Path:
    """The instance's own `/app`: the image's files as links, and the one code file that was deployed."""
    app = folder / "app"
    app.mkdir(parents=True)
    (folder / "cache").mkdir()
    for path in _entries(image / "app"):
        (app / path.name).symlink_to(path)
    (app / chute.request["filename"]).unlink(missing_ok=True)
    (app / chute.request["filename"]).write_text(chute.request["code"])
    return app


def _entries(folder: Path) -> Iterator[Path]:
    yield from folder.iterdir() if folder.is_dir() else ()


def _moved(value: str, folder: Path) -> str:
    """A path of the image, where it is on this machine."""
    for top in ("/app", "/cache"):
        if value == top or value.startswith(f"{top}/"):
            return str(folder / value.lstrip("/"))
    return value


def _launch_token(chute: Chute) -> str:
    """An unsigned JWT; the SDK decodes it without checking, and `tee` spares it the GPU verification."""
    parts = ({"alg": "none"}, {"env_type": "tee", "sub": chute.chute_id, "chute_id": chute.chute_id})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join([*encoded, "none"])


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
