"""`gateway dev-platform` in a process of its own, and the signed calls that the SDK would make to it."""

import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import orjson
from substrateinterface import Keypair

from gateway.platform.signatures import digest

ROOT = Path(__file__).resolve().parents[2]
KEY = "cpk_dev_platform"
SEED = "11" * 32
BEARER = {"Authorization": f"Bearer {KEY}"}
TIMEOUT = 60


class PlatformProcess:
    """`api` and `llm` are base URLs, `hosts` maps a slug to its base URL."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "gateway", "dev-platform", "--api-port", "0", "--llm-port", "0"]
        command += ["--folder", str(folder), "--pace", "0", *options]
        self.child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.child.stdout is not None
        said = ""
        for line in self.child.stdout:
            said += line
            if "./deploy.sh" in line:
                break
        self.api, self.llm = (_found(rf"{name}\s+(http://\S+)", said) for name in ("management API", "llm host"))
        self._drain = threading.Thread(target=self.child.stdout.read, daemon=True)  # a full pipe would hold it up
        self._drain.start()
        self.hosts: dict[str, str] = dict(re.findall(r"^  (chutes-\S+)\s+(http://\S+)$", said, re.MULTILINE))

    @property
    def config(self) -> Path:
        return self.folder / "config.ini"

    def stop(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(120)
        finally:
            self.child.kill()
            self._drain.join(20)
            if self.child.stdout:
                self.child.stdout.close()

    def get(self, path: str, **params: Any) -> Any:
        return httpx.get(self.api + path, headers=BEARER, params=params, timeout=TIMEOUT).raise_for_status().json()

    def set_account(self, **fields: Any) -> None:
        body = {"username": "developer", **fields}
        httpx.post(f"{self.api}/_emulator/account", json=body, timeout=TIMEOUT).raise_for_status()

    def set_chute(self, name: str, **fields: Any) -> Any:
        body = {"name": name, **fields}
        return httpx.post(f"{self.api}/_emulator/chute", json=body, timeout=TIMEOUT).raise_for_status().json()

    def fault(self, fault: Any) -> None:
        httpx.post(f"{self.api}/_emulator/faults", json=fault, timeout=TIMEOUT).raise_for_status()

    def clear_faults(self) -> None:
        httpx.delete(f"{self.api}/_emulator/faults", timeout=TIMEOUT).raise_for_status()

    def reset(self) -> None:
        """Without faults, quotas used or money spent; what is deployed stays."""
        self.clear_faults()
        self.set_account(
            balance=100.0, quotas={"*": 100_000}, used={}, deployed_at=[], four_hour_usage=0.0, monthly_usage=0.0
        )

    def signed(
        self, method: str, path: str, body: bytes = b"", purpose: str = "", *,
        seed: str = SEED, nonce: int | None = None, user_id: str | None = None, **headers: str,
    ) -> httpx.Response:  # fmt: skip
        """As `sign_request` of the SDK signs."""
        pair = Keypair.create_from_seed(seed_hex=seed)
        at = str(int(time.time()) if nonce is None else nonce)
        content = digest(body) if body else purpose
        signature = pair.sign(f"{pair.ss58_address}:{at}:{content}".encode()).hex()
        known = self.get("/users/me")["user_id"] if user_id is None else user_id
        named = {"X-Chutes-UserID": known, "X-Chutes-Hotkey": pair.ss58_address, "X-Chutes-Nonce": at}
        headers = {**named, "X-Chutes-Signature": signature, **headers}
        return httpx.request(method, self.api + path, content=body or None, headers=headers, timeout=TIMEOUT)

    def post(self, path: str, document: Any) -> httpx.Response:
        body = orjson.dumps(document)
        kind: dict[str, Any] = {"Content-Type": "application/json"}
        return self.signed("POST", path, body, **kind)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text
    return found[1]
