"""`gateway batches`: the batches of everybody, read and cancelled without the UI."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.admin.administration import Administration
from gateway.admin.owners import Owner, Owners
from gateway.batches.desk import BatchDesk
from gateway.batches.files import FileDesk
from gateway.batches.lines import Failure
from gateway.batches.opening import open_batches
from gateway.cli.commands import Commands
from gateway.cli.offline import ACTOR, administer
from gateway.cli.tables import table
from gateway.settings import LoadedSettings
from gateway.store.batch_rows import BatchFilter, BatchRow, BatchStatus
from gateway.store.records import Audit

_MINUTE = "%Y-%m-%d %H:%M"
"""Of times; UTC."""
_MOST = 1000


def declare(commands: Commands) -> None:
    group = commands.group("batches", "list, show and cancel the batches of all keys")
    listing = group.add("list", _list, "list batches, newest first")
    listing.add_argument("--status", choices=list(BatchStatus), help="only those in this state")
    listing.add_argument("--key", help="only those of the key with this id")
    listing.add_argument("--limit", type=int, default=50, choices=range(1, _MOST + 1), metavar="N",
                         help="at most this many (default 50)")  # fmt: skip
    group.add("show", _show, "show a batch, and what went wrong").add_argument("id")
    group.add("cancel", _cancel, "cancel a batch: what was answered is kept").add_argument("id")


def _list(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    wanted = BatchFilter(
        owners=[options.key] if options.key else None, statuses=[BatchStatus(options.status)] if options.status else ()
    )

    async def work(administration: Administration) -> None:
        desk, owners = _desk(loaded, administration), Owners(administration.directory)
        rows, total = await desk.page(wanted, options.limit, 0)
        head = ("ID", "KEY", "USER", "ENDPOINT", "MODELS", "STATUS", "DONE", "FAILED", "TOTAL", "CREATED", "EXPIRES")
        print(table(head, [_row(row, owners.of(row.owner)) for row in rows]))
        if total > len(rows):
            print(f"{total - len(rows)} more: see --limit")

    administer(loaded, work)


def _row(row: BatchRow, owner: Owner) -> tuple[object, ...]:
    models = ",".join(row.models) or None
    who = (owner.key_name or owner.key_id, owner.username or None)
    counts = (row.completed, row.failed, row.total)
    return row.id, *who, row.endpoint, models, str(row.status), *counts, _minute(row.created_at), _minute(row.due_at)


def _show(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        desk = _desk(loaded, administration)
        row = await desk.find(options.id, None)
        facts = _facts(row, Owners(administration.directory).of(row.owner))
        print("\n".join(f"{name:<10}{value}" for name, value in facts if value is not None))
        problems = [(one["line"], one["param"], one["code"], one["message"]) for one in row.errors]
        if problems:
            print("\n" + table(("LINE", "FIELD", "CODE", "PROBLEM"), problems))
        if failures := await desk.failures(row):
            print("\n" + table(("CUSTOM ID", "STATUS", "CODE", "MESSAGE", "REQUEST ID"), list(map(_failure, failures))))
            print(f"{len(failures)} of {row.failed} that failed")

    administer(loaded, work)


def _facts(row: BatchRow, owner: Owner) -> Sequence[tuple[str, object]]:
    return (
        ("id", row.id),
        ("status", row.status),
        ("requests", f"{row.completed} completed, {row.failed} failed, of {row.total}"),
        ("key", f"{owner.key_name} ({owner.key_id})" if owner.key_name else owner.key_id),
        ("user", owner.username or None),
        ("endpoint", row.endpoint),
        ("models", ", ".join(row.models) or None),
        ("created", _minute(row.created_at)),
        ("started", _minute(row.begun_at)),
        ("finished", _minute(row.ended_at)),
        ("expires", _minute(row.due_at)),
        ("input", row.input_id),
        ("answers", None if row.is_open else row.output_id or None),
        ("errors", None if row.is_open else row.error_id or None),
    )


def _failure(failure: Failure) -> tuple[object, ...]:
    return failure.custom_id, failure.status, failure.code, failure.message, failure.request_id or None


def _cancel(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        desk = _desk(loaded, administration)
        row = await desk.cancel(await desk.find(options.id, None), Audit(ACTOR.name, "cancel", "batches", options.id))
        print(f"{row.id} is {row.status}")

    administer(loaded, work)


def _desk(loaded: LoadedSettings, administration: Administration) -> BatchDesk:
    """One whose runner does not run: a gateway beside this command follows."""
    store, runner = administration.store, open_batches(loaded.settings, administration.store)
    return BatchDesk(store.batches, FileDesk(store.files, store.batches, runner.limits), runner)


def _minute(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime(_MINUTE)
