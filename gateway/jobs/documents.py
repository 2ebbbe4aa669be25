"""A job as callers and webhooks see it."""

from typing import Any

from gateway.store.job_rows import JobRow

PATH = "/v1/jobs"


def document(row: JobRow) -> dict[str, Any]:
    """Times are whole epoch seconds, as in OpenAI's API. `error` is null for what did not fail."""
    return {
        "id": row.id,
        "object": "job",
        "status": str(row.status),
        "created_at": int(row.created_at),
        "finished_at": _second(row.finished_at),
        "expires_at": _second(row.expires_at),
        "operation": row.operation,
        "model": row.model,
        "request_id": row.request_id,
        "result_url": f"{PATH}/{row.id}/result",
        "error": dict(row.error) or None,
    }


def _second(moment: float | None) -> int | None:
    return None if moment is None else int(moment)
