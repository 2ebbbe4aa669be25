"""How a job ended: its row and the bytes of its answer, as the caller would have had them. Made by the runner."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from gateway.dialects.base import Dialect
from gateway.errors import Conflict, GatewayError, render
from gateway.openai_api.call import Reply
from gateway.store.job_rows import INTERRUPTED, JobRow, JobStatus


@dataclass(frozen=True, slots=True)
class Ending:
    """`body` is None for a job that was cancelled or interrupted: nothing was answered."""

    row: JobRow
    body: bytes | None = None


def interrupted() -> GatewayError:
    return GatewayError(INTERRUPTED["message"], code=INTERRUPTED["code"], status=503)


def cancelled() -> GatewayError:
    return Conflict("The job was cancelled.", code="job_cancelled")


def too_large(limit: int) -> GatewayError:
    text = f"The answer is larger than the {limit / 2**20:g}MB that are kept of a job: ask without one."
    return GatewayError(text, code="job_result_too_large", status=507)


def answered(row: JobRow, reply: Reply, body: bytes, retention: float, dialect: Dialect | None) -> Ending:
    own = [(dialect.id_header, row.request_id)] if dialect and dialect.id_header else []
    headers = [("content-type", reply.media_type), ("x-request-id", row.request_id), *own, *reply.headers.items()]
    return _ended(row, JobStatus.SUCCEEDED, retention, reply.status, headers, body)


def failed(row: JobRow, error: GatewayError, retention: float, dialect: Dialect | None) -> Ending:
    status, headers, body = (dialect.render if dialect else render)(error, row.request_id)
    return _ended(row, JobStatus.FAILED, retention, status, headers, body, error.body()["error"])


def stopped(row: JobRow, error: GatewayError, retention: float) -> Ending:
    """Cancelled, or interrupted by the end of the gateway."""
    is_cancelled = error.error_code == "job_cancelled"
    now, status = time.time(), JobStatus.CANCELLED if is_cancelled else JobStatus.FAILED
    told = {} if is_cancelled else error.body()["error"]
    return Ending(replace(row, status=status, finished_at=now, expires_at=now + retention, error=told))


def _ended(
    row: JobRow,
    status: JobStatus,
    retention: float,
    http_status: int,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    error: Any = None,
) -> Ending:
    now = time.time()
    kept = {name: _sendable(value) for name, value in headers}
    return Ending(
        replace(
            row,
            status=status,
            finished_at=now,
            expires_at=now + retention,
            http_status=http_status,
            headers=kept,
            error=error or {},
            size=len(body),
        ),
        body,
    )


def _sendable(value: str) -> str:
    """A model's name, which callers may choose, is among the values."""
    return "".join(one if one.isprintable() else "?" for one in value).encode("latin-1", "replace").decode("latin-1")
