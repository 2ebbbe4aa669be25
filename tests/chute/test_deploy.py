"""deploy.sh from a fresh copy of the project, with the real command line, against the emulated platform (A003-02).

Every refusal of platform-contract §4 must end it with an error, although `chutes build` and `deploy` end with 0.
"""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.api.test_files import picture
from tests.chute.deployment import ENVIRONMENT, copy_project, deploy, deployer
from tests.chute.process import hears_interrupts
from tests.chute.test_dev import WAV
from tests.platform.process import BEARER, KEY, PlatformProcess

pytestmark = pytest.mark.chute


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    process = PlatformProcess(tmp_path_factory.mktemp("deploy"))
    yield process
    assert process.stop() == 0


@pytest.fixture
def platform(emulator: PlatformProcess) -> PlatformProcess:
    emulator.reset()
    return emulator


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("clone") / "project")


@pytest.fixture(scope="module")
def built(emulator: PlatformProcess, project: Path) -> Path:
    """The project with its image recorded already: refused for its fee, which comes after the build."""
    emulator.reset()
    done = deploy(project, emulator)
    assert done.returncode == 1
    assert "STEP 1/" in done.stderr, done.stdout + done.stderr
    assert "DEPLOYMENT FEE NOTICE" in done.stdout
    assert "what to do: a new chute costs a one-time fee" in done.stderr
    assert not list(emulator.folder.rglob("__pycache__")), "what Python compiled was sent"
    return project


def test_a_dry_run_shows_everything_and_sends_nothing(project: Path) -> None:
    done = deploy(project, None, "--dry-run", config=project / "nowhere.ini", CHUTE_USERNAME="someone")
    assert done.returncode == 1  # no account; everything else is shown
    for part in ("FROM parachutes/", "ADD gateway /app/gateway", "/v1/chat/completions", "pro_6000", "fee $5.40"):
        assert part in done.stdout
    assert "CHUTES_API_KEY" in done.stdout
    assert "cpk_" not in done.stdout + done.stderr
    assert "run `chutes register`" in done.stderr


def test_who_looks_after_a_chute_needs_an_account_and_settings(project: Path, platform: PlatformProcess) -> None:
    stranger = deploy(project, None, "--status", config=project / "nowhere.ini")
    assert (stranger.returncode, "run `chutes register`" in stranger.stderr) == (1, True)
    wrong = deploy(project, platform, "--logs", CHUTE_CONCURRENCY="many")
    assert (wrong.returncode, "error: environment: CHUTE_CONCURRENCY" in wrong.stderr) == (1, True)


def test_a_problem_ends_it_before_anything_is_sent(project: Path, platform: PlatformProcess) -> None:
    platform.fault({"on": "* *", "status": 599, "words": "something was sent"})
    done = deploy(project, platform, CHUTE_NAME="Bad_Name", CHUTE_BASE_IMAGE="ubuntu:24.04")
    assert done.returncode == 1
    assert "problem: chute name 'Bad_Name'" in done.stderr
    assert "ubuntu:24.04" in done.stderr
    assert "something was sent" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("fault", "words", "advice"),
    [
        ("POST /chutes/=409:Name chute-gateway already exists elsewhere", "already exists", "set CHUTE_NAME"),
        ("POST /chutes/=500:Internal Server Error", "Internal Server Error", "see the platform's words"),
    ],
)
def test_a_refused_deployment_is_an_error_with_the_platforms_words(
    built: Path, platform: PlatformProcess, fault: str, words: str, advice: str
) -> None:
    platform.fault(fault)
    done = deploy(built, platform, "--accept-fee")
    assert done.returncode == 1, done.stdout
    assert words in done.stdout
    assert "the chute was not deployed" in done.stderr
    assert advice in done.stderr.partition("what to do: ")[2]
    assert "Traceback" not in done.stderr


def test_a_low_balance_is_told_with_both_sums(built: Path, platform: PlatformProcess) -> None:
    platform.set_account(balance=1.0)
    done = deploy(built, platform, "--accept-fee")
    assert done.returncode == 1
    assert "fee, based on your node selector, is $5.4, but you have a balance of 1.0" in done.stdout
    assert "add balance" in done.stderr


def test_a_key_that_is_not_known_is_said_before_anything_is_built(
    built: Path, platform: PlatformProcess, tmp_path: Path
) -> None:
    config = tmp_path / "config.ini"
    config.write_text(platform.config.read_text().replace("11" * 32, "77" * 32))
    done = deploy(built, platform, "--accept-fee", config=config)
    assert done.returncode == 1
    assert "401" in done.stderr and "Invalid signature" in done.stderr
    assert "what to do: the hotkey" in done.stderr
    assert "building" not in done.stdout


def test_a_refused_image_is_an_error(project: Path, platform: PlatformProcess) -> None:
    platform.fault("POST /images/=401:no")
    done = deploy(project, platform, CHUTE_NAME="another-name")
    assert done.returncode == 1
    assert "Authorization error" in done.stdout
    assert "the image was not accepted" in done.stderr


def test_a_failed_build_shows_its_log_and_can_be_repeated(project: Path, platform: PlatformProcess) -> None:
    platform.fault("build=no space left on device*1")
    name: dict[str, Any] = {"CHUTE_NAME": "rebuilt"}
    done = deploy(project, platform, "--accept-fee", "--no-wait", **name)
    assert done.returncode == 1
    assert "ERROR: no space left on device" in done.stderr
    assert "--rebuild" in done.stderr
    done = deploy(project, platform, "--accept-fee", "--no-wait", "--rebuild", **name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert deploy(project, platform, "--delete", **name).returncode == 0


def test_an_unreachable_platform_is_said(built: Path, platform: PlatformProcess, tmp_path: Path) -> None:
    config = tmp_path / "config.ini"
    config.write_text(platform.config.read_text().replace(platform.api, "http://127.0.0.1:9"))
    done = deploy(built, platform, config=config)
    assert done.returncode == 1
    assert "http://127.0.0.1:9" in done.stderr and "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_deployment_from_first_to_last(built: Path, platform: PlatformProcess) -> None:
    """Fresh, called, repeated, changed, shared, looked at, deleted."""
    first = deploy(built, platform, "--accept-fee")
    assert first.returncode == 0, first.stdout + first.stderr
    chute = platform.get("/chutes/chute-gateway")
    url = chute["dev_platform_url"]
    assert re.search(r"calling it: healthy, \d+ models(, such as | listed yet; every model of Chutes)", first.stdout)
    assert f"deployed at {url}" in first.stdout and f"base URL {url}/v1" in first.stdout
    assert "secrets sent: CHUTES_API_KEY" in first.stdout
    assert platform.get("/users/me")["balance"] == pytest.approx(94.6)
    assert httpx.get(f"{url}/health", headers=BEARER, timeout=60).json()["status"] == "healthy"
    reaches_the_models_of_the_platform(url)

    platform.fault("POST *=500:nothing may be sent")
    again = deploy(built, platform)
    assert again.returncode == 0, again.stderr
    assert "nothing changed" in again.stdout and "building" not in again.stdout
    assert platform.get("/chutes/chute-gateway")["version"] == chute["version"]
    platform.clear_faults()

    # a setting that is in no file of the image: the platform alone would call it unchanged
    changed = deploy(built, platform, "--no-wait", CHUTE_MAX_INSTANCES="3")
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert platform.get("/chutes/chute-gateway")["max_instances"] == 3
    assert platform.get("/users/me")["balance"] == pytest.approx(94.6), "a new version costs no fee"

    status = deploy(built, platform, "--status", CHUTE_BASE_IMAGE="ubuntu:24.04")  # no matter for what is deployed
    assert "chute-gateway" in status.stdout and url in status.stdout
    assert "concurrency 64" in deploy(built, platform, "--logs").stdout
    assert "Successfully shared" in deploy(built, platform, "--share", "chutes").stdout
    stranger = deploy(built, platform, "--share", "nobody")
    assert (stranger.returncode, "User not found" in stranger.stderr) == (1, True)
    assert deploy(built, platform, "--secrets").returncode == 0
    assert deploy(built, platform, "--delete").returncode == 0
    gone = deploy(built, platform, "--status")
    assert (gone.returncode, "not found" in gone.stderr) == (1, True)


def reaches_the_models_of_the_platform(url: str) -> None:
    """With no configuration at all: the key that deploys is a secret of the chute."""
    client = OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=60)
    said = client.chat.completions.create(
        model="chutes/unsloth/gemma-3-4b-it", messages=[{"role": "user", "content": "Hello"}]
    )
    assert said.choices[0].message.content == "You said: Hello"
    assert client.embeddings.create(model="chutes/Qwen/Qwen3-Embedding-8B", input="x").data
    assert client.images.generate(model="chutes/FLUX.1-schnell", prompt="a kite").data
    assert client.audio.speech.create(model="chutes/kokoro", input="Hi", voice="nova").content.startswith(b"RIFF")
    for path, fields in (
        ("/v1/audio/transcriptions", {"model": "chutes/whisper-large-v3", "file_b64": base64.b64encode(WAV).decode()}),
        ("/v1/ocr", {"model": "chutes/rednote-hilab-dots-ocr", "image_b64": base64.b64encode(picture()).decode()}),
        ("/v1/rerank", {"model": "chutes/bge-reranker-v2-m3", "query": "a", "documents": ["b", "a"]}),
    ):
        reply = httpx.post(url + path, json=fields, headers=BEARER, timeout=60)
        assert reply.status_code == 200, reply.text


def test_ctrl_c_says_how_to_go_on(project: Path, platform: PlatformProcess) -> None:
    platform.fault({"on": "POST /images/", "status": 0, "delay": 60.0})
    environment = {**deployer(project, platform.config), "CHUTE_NAME": "interrupted"}
    with subprocess.Popen(
        ["./deploy.sh", "--accept-fee"], cwd=project, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=hears_interrupts,
    ) as child:  # fmt: skip
        assert child.stdout
        assert any("building" in line for line in child.stdout)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        _, said = child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGINT
    assert said.endswith("stopped: what was sent stays; ./deploy.sh goes on from there\n")


def test_a_package_that_the_image_lacks_never_gets_hot(platform: PlatformProcess, tmp_path: Path) -> None:
    """platform-contract §6: only the entry file is uploaded, and what it imports must be in the image."""
    project = copy_project(tmp_path / "project")
    entry = project / "chute_gateway.py"
    code = entry.read_text()
    entry.write_text(code.replace('BAKED = ("gateway", "chute_models", "images")', 'BAKED = ("gateway", "images")'))
    assert entry.read_text() != code
    caught = deploy(project, platform, "--accept-fee")
    assert (caught.returncode, "chute_models, which is not in the image" in caught.stderr) == (1, True)
    hidden = entry.read_text().replace("import chute_models\n", 'chute_models = __import__("chute_models")\n')
    entry.write_text(hidden)
    done = deploy(project, platform, "--accept-fee", CHUTE_NAME="incomplete", CHUTE_WARM_SECONDS="6")
    assert done.returncode == 1
    assert "cold (not hot) after 6 s" in done.stderr
    assert deploy(project, platform, "--delete", CHUTE_NAME="incomplete").returncode == 0
    shutil.rmtree(project)


def test_what_is_not_installed_is_said_without_a_traceback(project: Path, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    bare.chmod(0o755)
    done = deploy(project, None, "--dry-run", PYTHON=str(bare))
    assert (done.returncode, done.stdout) == (1, "")
    assert "make install" in done.stderr and "Traceback" not in done.stderr


def test_secrets_that_did_not_arrive_are_told_with_the_way_to_send_them(built: Path, platform: PlatformProcess) -> None:
    """A second run would find nothing changed."""
    platform.fault("POST /secrets/=500:out of order*1")
    done = deploy(built, platform, "--accept-fee")
    assert done.returncode == 1
    assert "out of order" in done.stderr and "./deploy.sh --secrets" in done.stderr
    assert "secrets sent: CHUTES_API_KEY" in deploy(built, platform, "--secrets").stdout
    assert deploy(built, platform, "--delete").returncode == 0


def test_usage_is_told() -> None:
    project = Path(__file__).resolve().parents[2]
    assert deploy(project, None, "--help").returncode == 0
    assert "CHUTE_IMAGE" in ENVIRONMENT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nonsense"], "there is no option --nonsense"),
        (["status"], "there is no option status"),
        (["--share"], "--share needs a user"),
        (["--unshare", "--delete"], "--unshare needs a user"),
        (["--dry-run", "--delete"], "--dry-run and --delete do not go together"),
        (["--share", "somebody", "--status"], "--share and --status do not go together"),
    ],
)
def test_a_command_line_that_cannot_be_meant_does_nothing(arguments: list[str], said: str) -> None:
    done = deploy(Path(__file__).resolve().parents[2], None, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {said}\nusage: ")
