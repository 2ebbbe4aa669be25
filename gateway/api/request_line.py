"""The one log line of a request: who asked for what, who answered, how long it took. Never a prompt or a key."""

import logging
import time

from gateway.access.keys import Caller
from gateway.api.exchange import Exchange
from gateway.errors import GatewayError
from gateway.openai_api.call import Call, Reply

log = logging.getLogger("gateway.request")


class RequestLine:
    """Filled while the request is answered, written at its end."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.caller: Caller | None = None
        self.call: Call | None = None
        self.reply: Reply | None = None
        self.error: GatewayError | None = None

    def write(self) -> None:
        if not log.isEnabledFor(logging.INFO):
            return
        headers = self.reply.headers if self.reply else {}
        exchange = self.exchange
        log.info(
            "%s %s %d",
            exchange.method,
            exchange.path,
            exchange.status,
            extra={
                "request_id": exchange.request_id,
                "ms": round((time.monotonic() - exchange.received) * 1000, 1),
                "key": self.caller.name if self.caller else None,
                "model": self.call.model if self.call else None,
                "stream": True if self.call and self.call.stream else None,
                "attempts": headers.get("x-gateway-attempts"),
                "error": self.error.error_code if self.error else None,
                "upstream": self.error.upstream if self.error else None,
            },
        )
