"""The files of deploy/: they name what exists, agree with one another, and run as far as this machine can run them.

Rows of docs/acceptance.md: A002-02, A002-03.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.settings import Settings, load_settings
from tests.fakes.ports import free_port
from tests.ops.dockerfile import instructions, variables
from tests.trust.processes import Served, eventually

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = instructions(DEPLOY / "Dockerfile")
KNOWN = {name.upper() for name in Settings.model_fields}
FOREIGN = {"PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "POSTGRES_PASSWORD"}


def sent() -> list[str]:
    """What .dockerignore lets through, as paths below the root."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    return [line[1:] for line in lines if line.startswith("!")]


# --- the image -------------------------------------------------------------------------------------------


def test_everything_that_is_copied_exists_and_is_sent_to_the_builder() -> None:
    copied = [one.rest.split()[0] for one in DOCKERFILE if one.name == "COPY" and "--from" not in one.rest]
    assert len(copied) >= 4
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(source == allowed or source.startswith(f"{allowed}/") for allowed in sent()), source


def test_the_health_check_has_the_promised_timing_and_needs_no_curl() -> None:
    (check,) = [one.rest for one in DOCKERFILE if one.name == "HEALTHCHECK"]
    assert check.startswith("--interval=30s --timeout=3s --start-period=5s --retries=3 CMD [")
    assert json.loads(check.partition("CMD ")[2]) == ["python", "-S", "/app/healthcheck.py"]


def test_it_does_not_run_as_root_and_keeps_its_state_on_a_volume() -> None:
    names = [one.name for one in DOCKERFILE]
    assert names.index("USER") < names.index("CMD") and DOCKERFILE[names.index("USER")].rest == "gateway"
    (volume,) = [one.rest for one in DOCKERFILE if one.name == "VOLUME"]
    assert variables(DOCKERFILE)["STATE_DIR"] == volume


def test_the_environment_of_the_image_is_made_of_settings_that_exist() -> None:
    given = {name: value for name, value in variables(DOCKERFILE).items() if name not in FOREIGN}
    assert given.keys() <= KNOWN
    settings = load_settings(given).settings
    assert (settings.host, settings.port, settings.engines) == ("0.0.0.0", 8000, "off")
    assert load_settings(given | {"PORT": "10000"}).settings.port == 10000


def test_all_that_is_installed_is_pinned_with_hashes_and_is_all_the_gateway_needs() -> None:
    (install,) = [one.rest for one in DOCKERFILE if one.name == "RUN" and "pip install" in one.rest]
    assert "--require-hashes -r /build/router.txt" in install
    router = (ROOT / "requirements/router.txt").read_text()
    pinned = set(re.findall(r"^([a-z0-9.-]+)(?:\[\w+\])?==", router, re.MULTILINE))
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.split(r"[\[>;]", one)[0] for one in wanted} <= pinned
    everything = (ROOT / "requirements/gateway.txt").read_text()
    assert set(re.findall(r"^\S+==\S+", router, re.MULTILINE)) <= set(
        re.findall(r"^\S+==\S+", everything, re.MULTILINE)
    )
    assert not pinned & {"chutes", "torch", "vllm", "pytest"} and len(pinned) < 60


def image(folder: Path) -> tuple[Path, dict[str, str]]:
    """`/app` of the image with its environment, below a folder; the interpreter is that of the tests."""
    app = folder / "app"
    app.mkdir()
    for source, target in ((one.rest.split()) for one in DOCKERFILE if one.name == "COPY" and "--from" not in one.rest):
        place = folder / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, place)
    tools = folder / "venv/bin"
    tools.mkdir(parents=True)
    (tools / "python").symlink_to(sys.executable)
    given = variables(DOCKERFILE) | {"PYTHONPATH": str(app), "STATE_DIR": str(folder / "data"), "HOST": "127.0.0.1"}
    return app, given | {"PATH": f"{Path(sys.executable).parent}:{folder}/usr/local/bin:/usr/bin:/bin"}


def test_the_command_of_the_image_runs_and_its_health_check_tells_the_truth(tmp_path: Path) -> None:
    app, environment = image(tmp_path)
    environment["PORT"] = str(free_port())

    def healthy() -> bool:
        check = [sys.executable, "-S", str(app / "healthcheck.py")]
        return subprocess.run(check, env=environment, cwd=app, check=False).returncode == 0

    assert not healthy()
    (command,) = [json.loads(one.rest) for one in DOCKERFILE if one.name == "CMD"]
    program = tmp_path / "usr/local/bin" / command[0]
    process = subprocess.Popen([program, *command[1:]], env=environment, cwd=app, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: healthy() or process.poll() is not None, 120)
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(120) in (0, -15, 143)
    assert (tmp_path / "data/gateway.db").exists()


# --- platforms -------------------------------------------------------------------------------------------


def loaded(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def test_render_makes_the_secrets_and_asks_for_health() -> None:
    (service,) = loaded("render.yaml")["services"]
    assert service["healthCheckPath"] == "/health" and (ROOT / service["dockerfilePath"]).is_file()
    given = {one["key"]: one for one in service["envVars"]}
    assert given.keys() <= KNOWN
    for name in ("MASTER_API_KEY", "UI_PASSWORD", "SECRET_KEY"):
        assert given[name] == {"key": name, "generateValue": True}


def test_an_empty_gateway_is_healthy_enough_to_be_set_up(tmp_path: Path) -> None:
    with Served(tmp_path, ENGINES="off") as served, served.http(None) as client:
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


def test_railway_and_heroku_find_what_they_start() -> None:
    railway = json.loads((ROOT / "railway.json").read_text())
    assert (ROOT / railway["build"]["dockerfilePath"]).is_file() and railway["deploy"]["healthcheckPath"] == "/live"
    words = (ROOT / "Procfile").read_text().split()
    assert words[0] == "web:" and words[-4:] == ["python", "-m", "gateway", "serve"]
    assert {word.partition("=")[0] for word in words[1:-4]} <= KNOWN
    (line,) = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert (ROOT / line.removeprefix("-r ")).is_file()


def test_compose_and_kubernetes_name_settings_and_paths_that_exist() -> None:
    compose = loaded("deploy/docker-compose.yaml")
    gateway = compose["services"]["gateway"]
    assert gateway["environment"].keys() <= KNOWN
    assert (DEPLOY / gateway["build"]["context"] / gateway["build"]["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    assert gateway["depends_on"].keys() <= compose["services"].keys()
    deployment, service = yaml.safe_load_all((DEPLOY / "kubernetes/gateway.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probes = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert probes == {"/live", "/ready"} and {one["name"] for one in container["env"]} <= KNOWN
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """With a program in the place of the one that is not installed here."""
    unit = (DEPLOY / "chute-gateway.service").read_text()
    program = re.search(r"^ExecStart=(\S+)", unit, re.MULTILINE)
    assert program
    (tmp_path / "chute-gateway.service").write_text(unit.replace(program[1], "/bin/true"))
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "chute-gateway.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    given = re.findall(r"([A-Z_]+)=", " ".join(re.findall(r"^Environment=(.*)$", unit, re.MULTILINE)))
    assert set(given) <= KNOWN


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
def test_caddy_understands_its_file(tmp_path: Path) -> None:
    command = ["caddy", "adapt", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile", "--validate"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    assert "127.0.0.1:8000" in done.stdout
