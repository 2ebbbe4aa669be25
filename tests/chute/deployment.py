"""A copy of the project as a fresh clone, and `deploy.sh` run in it against the emulated platform."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from openai import OpenAI

from tests.platform.process import BEARER, KEY, PlatformProcess

ROOT = Path(__file__).resolve().parents[2]
SENT = ("gateway", "chute_models", "images", "chute_gateway.py", "deploy.sh", "pyproject.toml")
CONFIG = """
allow_private_upstreams: true
queue_timeout: 0
providers:
  fake:
    type: openai
    base_url: "{url}"
    api_key: "${{UPSTREAM_KEY}}"
    max_retries: 0
    models:
      - gpt-x
      - {{id: text-embed, type: embedding}}
      - {{id: whisper-1, type: transcription}}
      - {{id: page-reader, type: ocr}}
      - {{id: rank-x, type: rerank}}
      - {{id: judge-x, type: moderation}}
      - {{id: paint-x, type: image}}
      - {{id: voice-x, type: speech}}
keys:
  - {{key: "${{CALLER_KEY}}", name: caller, allowed_models: [gpt-x]}}
"""
CALLER_KEY = "sk-a-key-of-a-caller"
ENVIRONMENT = {"CHUTE_IMAGE": "slim", "UPSTREAM_KEY": "upstream-key", "CALLER_KEY": CALLER_KEY}


def copy_project(folder: Path, config: str = "") -> Path:
    """What a clone holds and is deployed; with `gateway.yaml` where `config` is given."""
    folder.mkdir(parents=True)
    for name in SENT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, folder / name)
    if config:
        (folder / "gateway.yaml").write_text(config)
    return folder


def deploy(
    project: Path, platform: PlatformProcess | None, *arguments: str, config: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./deploy.sh", *arguments],
        cwd=project,
        env={**deployer(project, config or (platform.config if platform else project / "none.ini")), **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def deployer(project: Path, config: Path) -> dict[str, str]:
    """The environment of somebody who deploys `project`."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    given = {"HOME": str(project), "CHUTES_CONFIG_PATH": str(config), "STATE_DIR": str(project / "state")}
    return {**kept, **given, **ENVIRONMENT, "CHUTES_API_KEY": KEY, "PYTHON": sys.executable}


@dataclass(frozen=True)
class Deployed:
    """A chute on the emulated platform, as its callers and its owner see it."""

    platform: PlatformProcess
    name: str
    url: str

    def client(self, **options: Any) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0, timeout=60, **options)

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        return httpx.post(self.url + path, json=body, headers=BEARER, timeout=60, **options)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return httpx.get(self.url + path, headers=BEARER, params=params, timeout=60)

    @property
    def instance(self) -> dict[str, Any]:
        (one,) = self.platform.get(f"/chutes/{self.name}")["instances"]
        found: dict[str, Any] = one
        return found

    @property
    def failures(self) -> int:
        """The most failures in a row that the platform ever counted."""
        return int(self.instance["most_failures"])


def until_hot(platform: PlatformProcess, name: str, seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while platform.get(f"/chutes/warmup/{name}", quick="true")["status"] != "hot":
        assert time.monotonic() < until, logs(platform)
        time.sleep(0.2)


def logs(platform: PlatformProcess) -> str:
    return "\n".join(path.read_text(errors="replace")[-3000:] for path in instance_logs(platform))


def instance_logs(platform: PlatformProcess) -> Iterator[Path]:
    yield from sorted((platform.folder / "platform" / "instances").glob("*/log"))
