"""Runs a script with the official OpenAI client for Node, and gives back what it printed."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent


def run_client(base_url: str, key: str, script: str = "client.mjs", **wanted: Any) -> dict[str, Any]:
    """Skips the test where Node or its packages are not installed."""
    node = shutil.which("node")
    if node is None or not all((FOLDER / "node_modules" / name).is_dir() for name in ("openai", "zod")):
        pytest.skip("Node or its OpenAI client is not installed (npm ci in tests/node)")
    command = [node, str(FOLDER / script), base_url, key, json.dumps(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result
