"""Batches and files as callers see them. Source of the shapes: https://platform.openai.com/docs/api-reference/batch"""

from typing import Any

from gateway.store.batch_rows import BatchRow, BatchStatus
from gateway.store.file_rows import FileRow

_ENDS = (BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED)


def batch_document(row: BatchRow) -> dict[str, Any]:
    """Times are whole epoch seconds."""
    ended = {f"{status}_at": _second(row.ended_at) if row.status is status else None for status in _ENDS}
    return {
        "id": row.id,
        "object": "batch",
        "endpoint": row.endpoint,
        "errors": {"object": "list", "data": list(row.errors)} if row.errors else None,
        "input_file_id": row.input_id,
        "completion_window": row.completion_window,
        "status": str(row.status),
        "output_file_id": None if row.is_open else row.output_id or None,
        "error_file_id": None if row.is_open else row.error_id or None,
        "created_at": _second(row.created_at),
        "in_progress_at": _second(row.begun_at),
        "expires_at": _second(row.due_at),
        "finalizing_at": _second(row.finalizing_at),
        "cancelling_at": _second(row.cancelling_at),
        **ended,
        "request_counts": {"total": row.total, "completed": row.completed, "failed": row.failed},
        "metadata": row.metadata,
    }


def file_document(row: FileRow) -> dict[str, Any]:
    """Times are whole epoch seconds."""
    return {
        "id": row.id,
        "object": "file",
        "bytes": row.size,
        "created_at": _second(row.created_at),
        "expires_at": _second(row.expires_at),
        "filename": row.name,
        "purpose": row.purpose,
        "status": "processed",
        "status_details": None,
    }


def _second(moment: float | None) -> int | None:
    return None if moment is None else int(moment)
