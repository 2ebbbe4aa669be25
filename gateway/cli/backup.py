"""`gateway backup` and `gateway restore`: what the database holds, into one file and back."""

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.commands import Commands
from gateway.cli.offline import with_store
from gateway.errors import ConfigError
from gateway.settings import LoadedSettings
from gateway.store.backup import backup, restore, verify
from gateway.store.backup_file import Summary
from gateway.store.records import Audit
from gateway.store.store import Store


def declare(commands: Commands) -> None:
    save = commands.add("backup", _backup, "write all that the database holds into one file, secrets still sealed")
    save.add_argument("file", type=Path)
    save.add_argument("--no-usage", action="store_true", help="leave out requests, their hourly sums and bodies")
    load = commands.add("restore", _restore, "check a backup and put it back; a running gateway follows at once")
    load.add_argument("file", type=Path)
    load.add_argument("--yes", action="store_true", help="do not ask before replacing what is there")


def _backup(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(store: Store) -> None:
        rows = await backup(store, options.file, usage=not options.no_usage)
        audit = Audit("command line", "backup", "backup", options.file.name)
        await store.write((), audit)
        print(f"{options.file}: {', '.join(f'{count} {name}' for name, count in rows.items()) or 'nothing yet'}")

    with_store(loaded, work)


def _restore(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(store: Store) -> None:
        try:
            file = options.file.open("rb")
        except OSError as error:
            raise ConfigError(f"{options.file} cannot be read: {error.strerror}") from None
        with file:
            summary = await asyncio.to_thread(verify, file)
            if not options.yes and not _agreed(summary):
                raise ConfigError("nothing was changed")
            audit = Audit("command line", "restore", "backup", options.file.name)
            revision, _ = await restore(store, file, audit)
        print(f"restored {summary.rows['records']} records; the store is at revision {revision}")

    with_store(loaded, work)


def _agreed(summary: Summary) -> bool:
    made = datetime.fromtimestamp(summary.made_at, UTC)
    print(f"A backup of {made:%Y-%m-%d %H:%M} UTC with {summary.rows['records']} records (schema {summary.schema}).")
    print("It replaces all providers, models, keys, users and settings of the database, and logs everybody out.")
    if not sys.stdin.isatty():
        raise ConfigError("nobody is there to ask: add --yes")
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")
