"""A receiver of webhooks on loopback: keeps what comes, and answers as told.

inbox.statuses = [500, 302]      # one a message, then 204; 0 resets the connection
verified(inbox.messages[0])      # what a message says, once its signature was checked
"""

import base64
import hashlib
import hmac
import time
from typing import Any

from tests.fakes.http_server import Exchange, HttpServer, Received

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Inbox:
    """A redirect leads to another of its own paths, so that whoever follows it is seen."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.server = HttpServer(self._answer)
        self.server.start()

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def messages(self) -> list[Received]:
        return self.server.requests

    def wait(self, count: int, seconds: float = 20.0) -> list[Received]:
        """The messages, once there are so many."""
        until = time.monotonic() + seconds
        while len(self.messages) < count and time.monotonic() < until:
            time.sleep(0.01)
        return self.messages

    async def _answer(self, exchange: Exchange) -> None:
        status = self.statuses.pop(0) if self.statuses else 204
        if status == 0:
            exchange.reset()
        else:
            moved = {"location": f"{self.url}/elsewhere"} if 300 <= status < 400 else {}
            exchange.send(status, b"", **moved)


def verified(message: Received) -> Any:
    """As a receiver checks it. Source: the Standard Webhooks specification."""
    id, at = message.headers["webhook-id"], message.headers["webhook-timestamp"]
    assert abs(int(at) - time.time()) < 60
    mac = hmac.new(KEY, f"{id}.{at}.".encode() + message.body, hashlib.sha256).digest()
    assert message.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
    return message.json
