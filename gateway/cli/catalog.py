"""`gateway catalog …`: reads the catalog of this configuration, without a running gateway. They share the copies in
STATE_DIR; only `refresh` asks the sources."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from gateway.api.catalog import diff_document, outcome_document
from gateway.api.catalog_schemas import Filters
from gateway.catalog.export import MEDIA_TYPES, export
from gateway.catalog.facts import PRICE_UNITS, PriceKind
from gateway.catalog.fields import CHUTES_LIST, LLM, SNAPSHOT
from gateway.catalog.files import write_bytes
from gateway.catalog.model import CatalogModel
from gateway.catalog.names import closest
from gateway.catalog.parts import CatalogParts, build_catalog
from gateway.catalog.query import TYPES, select
from gateway.catalog.report import report_document
from gateway.cli.commands import Commands
from gateway.cli.tables import table
from gateway.errors import ConfigError, GatewayError
from gateway.observe import logs
from gateway.providers.engines import NoEngines
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from gateway.settings import LoadedSettings
from gateway.state.providers import remote_providers

_FILTERS = (
    "gateway",
    "provider",
    "type",
    "modality",
    "feature",
    "quantization",
    "tag",
    "tier",
    "template",
    "origin",
    "gpu",
    "q",
)
_HELP = {"type": f"only of these types, with commas: {', '.join(TYPES)}", "q": "words in id, description or tags"}
_LIST = ("model", "type", "context", "USD", "quant", "hot", "from")

Work = Callable[[CatalogParts, argparse.Namespace], Awaitable[None]]


def declare(commands: Commands) -> None:
    catalog = commands.group("catalog", "the catalog of models: what there is, where it is known from, what changed")
    _add(catalog, "refresh", _refresh, "ask all sources now")
    listing = _add(catalog, "list", _list, "list models")
    listing.add_argument("--limit", type=_count, default=50, help="most models (default 50; 0: all)")
    _add_filters(listing)
    show = _add(catalog, "show", _show, "one model with the origin of every value")
    show.add_argument("model", help="id, chute id, slug or name")
    _add(catalog, "report", _report, "how the sources were merged")
    diff = _add(catalog, "diff", _diff, "what changed between two times")
    diff.add_argument("--from", dest="start", default="", metavar="TIME", help="ISO 8601 (default: the version before)")
    diff.add_argument("--to", dest="end", default="", metavar="TIME", help="ISO 8601 (default: now)")
    files = _add(catalog, "export", _export, "write models to a file")
    files.add_argument("--format", choices=tuple(MEDIA_TYPES), default="json", help="form of the file (default json)")
    files.add_argument("--output", type=Path, metavar="FILE", help="the file (default: standard output)")
    _add_filters(files)


def _add(commands: Commands, name: str, work: Work, help: str) -> argparse.ArgumentParser:
    command = commands.add(name, lambda loaded, options: _run(loaded, options, work), help)
    if name != "export":
        command.add_argument("--json", action="store_true", help="print JSON")
    return command


def _add_filters(command: argparse.ArgumentParser) -> None:
    for name in _FILTERS:
        command.add_argument(f"--{name}", default="", help=_HELP.get(name, f"only of this {name}; several with commas"))
    command.add_argument("--min-context", type=int, metavar="TOKENS", help="least context")
    command.add_argument("--max-price", type=float, metavar="USD", help="most USD per 1M input tokens")
    for name in ("tee", "hot"):
        command.add_argument(f"--{name}", action="store_const", const=True, help=f"only those that are {name}")
    command.add_argument("--sort", default="id", help="a field; write --sort=-field for descending")


def _run(loaded: LoadedSettings, options: argparse.Namespace, work: Work) -> None:
    logs.configure("warning", loaded.settings.log_format)
    try:
        asyncio.run(_with_parts(loaded, options, work))
    except ConfigError:
        raise
    except GatewayError as error:
        raise ConfigError(error.message) from None


async def _with_parts(loaded: LoadedSettings, options: argparse.Namespace, work: Work) -> None:
    settings = loaded.settings
    transport = PooledTransport(AddressPolicy(settings.allow_private_upstreams))
    parts = build_catalog(settings, transport, lambda: remote_providers(settings).values(), NoEngines())
    try:
        await parts.start()
        await work(parts, options)
    finally:
        await parts.aclose()
        await transport.aclose()


async def _refresh(parts: CatalogParts, options: argparse.Namespace) -> None:
    """Exits with 1 when neither list of Chutes could be had."""

    def tell(source: str, what: str) -> None:
        if not options.json:
            print(f"  {source:<24} {what}", file=sys.stderr, flush=True)

    outcome = await parts.refresher.refresh(force=True, progress=tell)
    if options.json:
        _print_json(outcome_document(outcome))
    else:
        rows = [(one.source, one.rows, one.seconds, "asked" if one.fetched else one.error) for one in outcome.sources]
        print(table(("source", "rows", "seconds", "state"), rows))
        print(f"\n{outcome.models} models, {len(outcome.changes)} changes, {outcome.seconds:.2f} s")
    if not any(one.fetched for one in outcome.sources if one.source in (CHUTES_LIST, LLM)):
        sys.exit(1)


async def _list(parts: CatalogParts, options: argparse.Namespace) -> None:
    catalog = parts.board.current
    page = select(catalog, _filters(options).query(options.limit or None))
    if options.json:
        sys.stdout.write(export(catalog, page.positions, "json").decode())
        return
    rows = [
        (
            model.id, model.model_type, model.context_length, _price(model), model.quantization or None,
            model.hot, ",".join(model.origins),
        )
        for model in (catalog.models[n] for n in page.positions)
    ]  # fmt: skip
    print(table(_LIST, rows))
    print(f"\n{len(rows)} of {page.total} models. {_freshness(parts)}")


async def _show(parts: CatalogParts, options: argparse.Namespace) -> None:
    catalog = parts.board.current
    position = catalog.position(options.model)
    if position is None:
        near = closest(options.model, catalog.by_id)
        hint = f" (closest: {', '.join(near)})" if near else ""
        raise ConfigError(f"the catalog has no model '{options.model}'{hint}")
    document = orjson.loads(catalog.documents[position])
    document["history"] = await asyncio.to_thread(parts.history.series, catalog.models[position].id)
    if options.json:
        _print_json(document)
        return
    origin = document.pop("provenance")
    rows = [
        (name, _short(value), origin.get(name, "")) for name, value in document.items() if value not in (None, [], {})
    ]
    print(table(("field", "value", "from"), rows))


async def _report(parts: CatalogParts, options: argparse.Namespace) -> None:
    report = parts.board.current.report
    if options.json:
        _print_json(report_document(report))
        return
    rows = [
        (
            one.source, one.rows, one.origin, sum(one.matched.values()), one.unique, one.unmatched, one.ambiguous,
            one.rejected, one.stale,
        )
        for one in report.sources
    ]  # fmt: skip
    head = ("source", "rows", "began", "matched", "unique", "unmatched", "ambiguous", "rejected", "stale")
    print(table(head, rows))
    for method, count in report.methods().items():
        print(f"  matched by {method}: {count}")
    print(f"\n{report.models} models, {len(report.conflicts)} conflicts")
    for one in report.conflicts[:20]:
        print(f"  {one.model}: {one.field}: {', '.join(f'{k}={_short(v)}' for k, v in one.values.items())}")
    for doubt in report.ambiguous[:20]:
        print(f"  ambiguous: {doubt.source} '{doubt.row}' ({doubt.method}): {' or '.join(doubt.candidates)}")


async def _diff(parts: CatalogParts, options: argparse.Namespace) -> None:
    found = await asyncio.to_thread(diff_document, parts, options.start, options.end)
    if options.json:
        _print_json(found)
        return
    rows = [
        (one["kind"], one["model"], one.get("field", ""), _short(one.get("before")), _short(one.get("after")))
        for one in found["changes"]
    ]
    print(table(("change", "model", "field", "before", "after"), rows))
    print(f"\n{found['total']} changes from {found['from']} to {found['to']}")


async def _export(parts: CatalogParts, options: argparse.Namespace) -> None:
    catalog = parts.board.current
    page = select(catalog, _filters(options).query())
    body = export(catalog, page.positions, options.format)
    if options.output is None:
        sys.stdout.write(body.decode())
        return
    try:
        await asyncio.to_thread(write_bytes, options.output, body)
    except OSError as error:
        raise ConfigError(f"--output: {options.output} cannot be written: {error.strerror}") from None
    print(f"{len(page.positions)} models written to {options.output}", file=sys.stderr)


def _price(model: CatalogModel) -> str | None:
    """As in `0.3/1.2 per 1M tokens`: what goes in, what comes out; else the first price there is."""
    taken, given = model.usd(PriceKind.INPUT), model.usd(PriceKind.OUTPUT)
    if taken is not None and given is not None:
        return f"{taken:g}/{given:g} per {PRICE_UNITS[PriceKind.INPUT]}"
    known = (f"{price.usd:g} per {PRICE_UNITS[kind]}" for kind, price in model.prices.items() if price.usd is not None)
    return next(known, None)


def _filters(options: argparse.Namespace) -> Filters:
    names = (*_FILTERS, "min_context", "max_price", "tee", "hot", "sort")
    try:
        return Filters(**{name: getattr(options, name) for name in names})
    except ValidationError as error:
        problem = error.errors()[0]
        raise ConfigError(f"--{str(problem['loc'][0]).replace('_', '-')}: {problem['msg']}") from None


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no number of models")
    return int(text)


def _freshness(parts: CatalogParts) -> str:
    heard = [one for one in parts.board.current.report.sources if one.rows and one.source != SNAPSHOT]
    if heard:
        return "As of the last refresh."
    return "From the bundled snapshot: run `gateway catalog refresh` for what there is now."


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 300 else f"{text[:299]}…"


def _print_json(document: Any) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False))
