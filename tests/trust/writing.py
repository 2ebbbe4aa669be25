"""Writers of the admin API that know, for every key they made, what was acknowledged and what they were trying."""

import http.client
import json
import threading
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.trust.processes import MASTER

GONE = "gone"
"""States of a key are "on", "off" and this one."""


@dataclass
class Ledger:
    """By the secret of a key. A writer writes down what it tries before it sends it."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    trying: dict[str, str] = field(default_factory=dict)
    writes: int = 0

    def may_be(self, key: str) -> set[str]:
        return {self.acknowledged.get(key, GONE), self.trying.get(key, self.acknowledged.get(key, GONE))}


class Writer(threading.Thread):
    """Makes keys, switches every third off and deletes every third, until the gateway is gone or `most` are written."""

    def __init__(self, port: int, ledger: Ledger, name: str, most: int) -> None:
        super().__init__(daemon=True)
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._ledger, self._label, self._most = ledger, name, most

    def run(self) -> None:
        try:
            for n in count():
                if self._ledger.writes >= self._most:
                    return
                self._one(n)
        except (OSError, http.client.HTTPException):
            return

    def _one(self, n: int) -> None:
        key = f"sk-own-{self._label}-{n:05d}-q7w3e9r1t5"
        made = self._write(key, "on", "POST", "/api/admin/apikeys", {"name": f"{self._label}-{n}", "key": key}, 201)
        path = f"/api/admin/apikeys/{made['id']}"
        if n % 3 == 1:
            self._write(key, "off", "PUT", path, {"name": made["name"], "enabled": False}, 200)
        elif n % 3 == 2:
            self._write(key, GONE, "DELETE", path, None, 200)

    def _write(self, key: str, state: str, method: str, path: str, body: Any, status: int) -> dict[str, Any]:
        self._ledger.trying[key] = state
        headers = {"authorization": f"Bearer {MASTER}", "content-type": "application/json"}
        self._line.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._line.getresponse()
        content = answer.read()
        assert answer.status == status, content
        self._ledger.acknowledged[key] = state
        self._ledger.writes += 1
        document: dict[str, Any] = json.loads(content or b"{}")
        return document
