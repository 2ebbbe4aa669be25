"""The one log line of a request: who asked for what, who answered, how long it took. Never a prompt or a key.

A provider's own words may quote the request: they are in the line only at the level `debug`, which a provider may have
for itself (`debug: true`); then each try there has a line too.
"""

import logging
import time

from gateway.api.exchange import Exchange
from gateway.errors import GatewayError
from gateway.observe.logs import tell
from gateway.pipeline.account import Account
from gateway.store.job_rows import JobRow

log = logging.getLogger("gateway.request")

_SHOWN = 100
"""Of the attempts of a long recording, as in the header."""


def _tried(account: Account | None) -> str | None:
    """For answers without the header: failures, and streams that waited for their engine."""
    attempts = account.tries.attempts[:_SHOWN] if account else ()
    return ", ".join([str(one) for one in attempts]) or None


class RequestLine:
    """Filled while the request is answered, written at its end."""

    __slots__ = ("account", "error", "exchange", "job")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.account: Account | None = None
        self.error: GatewayError | None = None
        self.job: JobRow | None = None
        """What the request became: then its account is the job's."""

    def write(self) -> None:
        if not log.isEnabledFor(logging.INFO):
            return
        exchange, account = self.exchange, self.account
        call = account.call if account else None
        reply = account.reply if account else None
        error = self.error or exchange.broken
        rule = call.rule if call else None
        is_debugged = (self._write_tries() or log.isEnabledFor(logging.DEBUG)) and not (rule and rule.local)
        tell(
            log,
            f"{exchange.method} {exchange.path} {exchange.status}",
            {
                "request_id": exchange.request_id,
                "ms": round((time.monotonic() - exchange.received) * 1000, 1),
                "key": account.caller.name if account else None,
                "model": call.model if call else None,
                "stream": True if call and call.stream else None,
                "attempts": (reply and reply.headers.get("x-gateway-attempts")) or _tried(account),
                "cache": "hit" if account and account.cached else None,
                "confidentiality": str(rule) if rule else None,
                "job": self.job.id if self.job else None,
                "error": error.error_code if error else None,
                "upstream": error.upstream if error and is_debugged else None,
                "trace_id": account.tries.trace.trace_id if account and account.tries.trace else None,
            },
        )

    def _write_tries(self) -> bool:
        """Whether one of them was at a provider with `debug`."""
        account, is_debugged = self.account, False
        if account is None:
            return False
        for attempt in account.tries.attempts:
            provider = account.snapshot.providers.get(attempt.target.provider_id)
            if provider is not None and provider.debug:
                is_debugged = True
                ms = round(attempt.seconds * 1000, 1)
                log.info("tried %s", attempt, extra={"request_id": self.exchange.request_id, "ms": ms})
        return is_debugged
