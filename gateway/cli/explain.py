"""`gateway explain`: asks a running gateway where a request would go."""

import argparse

from gateway import explain
from gateway.cli.commands import Commands
from gateway.openai_api.operations import CHAT
from gateway.settings import LoadedSettings


def declare(commands: Commands) -> None:
    where = commands.add("explain", _explain, "ask a running gateway where a request would go, and why")
    where.add_argument("model", help="the model as a caller would name it")
    where.add_argument("--path", default=CHAT.path, help="the endpoint (default /v1/chat/completions)")
    where.add_argument("--url", default="", help="the gateway's address (default: of this configuration)")
    where.add_argument("--json", action="store_true", help="print the answer as JSON")


def _explain(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    found = explain.explain(loaded.settings, options.model, options.path, options.url)
    print(explain.document(found) if options.json else explain.table(found))
