"""All local checks before a deployment, and the plan that `deploy.sh --dry-run` shows. Sends nothing.

Run in the project root as `python -m gateway.chute.preflight`; exits 1 when something is wrong.
"""

import argparse
import importlib
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from gateway.chute import account, checks
from gateway.errors import ConfigError
from gateway.platform.rules import GPUS
from gateway.settings import load_settings

ENTRY = "chute_gateway"
CONFIG = "gateway.yaml"
KNOWN_SECRETS = ("CHUTES_API_KEY", "MASTER_API_KEY", "SECRET_KEY", "DATABASE_URL", "REDIS_URL")
FEE_HOURS = 3
"""The one-time fee of a deployment, in hours of its price."""


def find_problems(entry: Any, root: Path) -> list[str]:
    """`entry` is the imported entry file."""
    chute, image = entry.chute, entry.chute.image
    problems = checks.check_texts(chute.name, entry.username, chute.tagline, chute.readme)
    problems += checks.check_code(root / f"{ENTRY}.py", entry.BAKED)
    problems += checks.check_cords(chute.cords, chute.jobs)
    problems += checks.check_image(image.name, image.tag, str(image), entry.content_tag())
    problems += checks.check_scaling({"gpu_count": chute.node_selector.gpu_count, **vars(chute)})
    selector = chute.node_selector
    memories = {name: memory for name, (memory, _) in GPUS.items()}
    problems += checks.check_gpus(
        selector.include or (), selector.exclude or (), selector.min_vram_gb_per_gpu, memories
    )
    problems += checks.check_account(account.read_config(), account.config_path(), entry.username)
    if (root / CONFIG).exists():
        problems += checks.check_baked_config(yaml.safe_load((root / CONFIG).read_text()), CONFIG)
    problems += checks.check_secrets(secret_names(root))
    if not cli():
        problems.append("the chutes command is not installed: pip install 'chutes>=0.6.9'")
    return problems


def find_warnings(entry: Any) -> list[str]:
    """What the platform allows only to some accounts, in the newest rules we know of."""
    chute = entry.chute
    warnings = []
    if not chute.tee:
        warnings.append("tee is off: the newest rules demand it")
    if chute.node_selector.include != ["pro_6000"] or chute.node_selector.gpu_count != 1:
        warnings.append("the newest rules give ordinary accounts one pro_6000 and nothing else")
    named = {*(chute.node_selector.include or ()), *(chute.node_selector.exclude or ())}
    if unknown := sorted(named - GPUS.keys()):
        warnings.append(f"not known here as GPUs: {', '.join(unknown)} (known: {', '.join(GPUS)})")
    if not chute.allow_external_egress:
        warnings.append("without external egress only local engines answer: nothing can be routed")
    return warnings


def secret_names(root: Path) -> list[str]:
    """Environment variables of this machine that the instance will need: they become secrets of the chute."""
    text = (root / CONFIG).read_text() if (root / CONFIG).exists() else ""
    wanted = [*checks.REFERENCE.findall(text), *KNOWN_SECRETS]
    return [name for name in dict.fromkeys(wanted) if os.environ.get(name)]


def cli() -> str | None:
    """The chutes command of this interpreter's environment, else the one on the PATH."""
    beside = Path(sys.executable).with_name("chutes")
    return str(beside) if beside.exists() else shutil.which("chutes")


def plan(entry: Any, root: Path) -> str:
    """What would be sent, for people."""
    chute, image = entry.chute, entry.chute.image
    selector = chute.node_selector.model_dump(exclude_none=True)
    hourly = entry.options.hourly_price_usd * chute.node_selector.gpu_count
    cords = [f"  {cord.method:<5} {cord.public_api_path:<26} cord {cord.path}" for cord in chute.cords]
    secrets = secret_names(root)
    return "\n".join(
        [
            f"chute       {entry.username}/{chute.name}",
            f"code        {ENTRY}.py, {len((root / f'{ENTRY}.py').read_text())} characters",
            f"tagline     {chute.tagline}",
            f"image       {image.username}/{image.name}:{image.tag}  ({image.uid})",
            f"context     {_size(root, image) / 2**20:.1f} MB",
            "dockerfile",
            *(f"  {line}" for line in str(image).splitlines()),
            "cords",
            *cords,
            f"node        {', '.join(f'{name}={value}' for name, value in selector.items())}, tee={chute.tee}",
            f"scaling     concurrency={chute.concurrency}, max_instances={chute.max_instances},"
            f" scaling_threshold={chute.scaling_threshold}, shutdown_after_seconds={chute.shutdown_after_seconds}",
            f"cost        ${hourly:.2f} an hour per instance, at most ${hourly * chute.max_instances:.2f};"
            f" one-time fee ${hourly * FEE_HOURS:.2f}",
            f"secrets     {', '.join(secrets) or 'none: set CHUTES_API_KEY to route to other chutes'}",
        ]
    )


def _size(root: Path, image: Any) -> int:
    sources = {source for directive in image._directives for source in directive._build_context}
    found = (file for source in sources for file in [root / source, *(root / source).rglob("*")] if file.is_file())
    return sum(file.stat().st_size for file in found if file.parent.name != "__pycache__")


def shell(entry: Any) -> str:
    """Variables for deploy.sh."""
    image = entry.chute.image
    values = {
        "CLI": cli() or "",
        "NAME": entry.chute.name,
        "IMAGE": f"{image.name}:{image.tag}",
        "IMAGE_UID": image.uid,
    }
    return "\n".join(f"{name}={shlex.quote(value)}" for name, value in values.items())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="preflight", description="Check a deployment before anything is sent.")
    parser.add_argument("--plan", action="store_true", help="show what would be sent")
    parser.add_argument("--shell", action="store_true", help="print variables for deploy.sh if all is well")
    parser.add_argument("--name", action="store_true", help="print only the chute's, if its owner can sign for it")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a traceback of imports would tell nobody anything
    return _check_account() if given.name else _check_all(Path.cwd(), shows=given.plan, sets=given.shell)


def _check_account() -> int:
    """All that is needed to look after what is deployed already."""
    try:
        options = load_settings().settings.chute
    except ConfigError as error:
        sys.stderr.write(f"error: {error.message}\n")
        return 1
    owner = options.username or account.username()
    problems = _told(checks.check_account(account.read_config(), account.config_path(), owner))
    if not problems:
        sys.stdout.write(f"NAME={shlex.quote(options.name)}\n")
    return 1 if problems else 0


def _check_all(root: Path, *, shows: bool, sets: bool) -> int:
    sys.path.insert(0, str(root))
    entry = importlib.import_module(ENTRY)
    if shows:
        sys.stdout.write(plan(entry, root) + "\n")
    for warning in find_warnings(entry):
        sys.stderr.write(f"note: {warning}\n")
    problems = _told(find_problems(entry, root))
    if sets and not problems:
        sys.stdout.write(shell(entry) + "\n")
    return 1 if problems else 0


def _told(problems: list[str]) -> list[str]:
    for problem in problems:
        sys.stderr.write(f"problem: {problem}\n")
    return problems


if __name__ == "__main__":
    sys.exit(main())
