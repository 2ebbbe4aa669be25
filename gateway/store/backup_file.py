"""The file of a backup: gzipped JSON lines with a header and a checksum. Written and read here, for `backup`.

The first line is the header; then a line `[table, [values]]` a row, in the order of the header's columns; the last line
counts the rows and has the SHA-256 of all lines before it.
"""

import base64
import binascii
import gzip
import hashlib
import json
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from sqlalchemy import Column, LargeBinary, Table

from gateway import __version__
from gateway.errors import InvalidRequest
from gateway.store.records import Resource
from gateway.store.tables import SCHEMA, audit, bodies, last_used, prices, records, spend, usage, usage_hours

FORMAT = "chute-gateway backup"
VERSION = 1
EDITED = (records, audit, spend, last_used, prices)
COUNTED = (usage, usage_hours, bodies)
_TABLES = {table.name: table for table in (*EDITED, *COUNTED)}
_LONGEST_LINE = 512 * 2**20

Values = dict[str, Any]


@dataclass(slots=True)
class Summary:
    """What is in a backup."""

    schema: str
    revision: int
    made_at: float
    usage: bool
    rows: Counter[str] = field(default_factory=Counter)


def columns(table: Table) -> list["Column[Any]"]:
    """Those that are kept: numbers that the database hands out itself are not."""
    return [column for column in table.c if column.name != "number"]


class BackupWriter:
    """`add` the rows, then `finish`."""

    def __init__(self, target: BinaryIO, revision: int, usage: bool) -> None:
        self._stream = gzip.GzipFile(fileobj=target, mode="wb", compresslevel=6)
        self._digest = hashlib.sha256()
        self.rows: Counter[str] = Counter()
        names = {table.name: [column.name for column in columns(table)] for table in _TABLES.values()}
        self._line({
            "format": FORMAT, "version": VERSION, "schema": SCHEMA, "gateway": __version__, "made_at": time.time(),
            "revision": revision, "usage": usage, "columns": names,
        })  # fmt: skip

    def add(self, table: Table, row: Sequence[Any]) -> None:
        values = [base64.b64encode(one).decode() if isinstance(one, bytes) else one for one in row]
        self._line([table.name, values])
        self.rows[table.name] += 1

    def finish(self) -> None:
        self._line({"end": True, "rows": dict(self.rows), "sha256": self._digest.hexdigest()})
        self._stream.close()

    def _line(self, value: Any) -> None:
        line = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        self._digest.update(line)
        self._stream.write(line)


class BackupReader:
    """Iterating gives `(table, values)`, each checked; only when it ended without an error is the file whole.

    Raises InvalidRequest that says what is wrong.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._stream = gzip.GzipFile(fileobj=source, mode="rb")
        self._digest = hashlib.sha256()
        header = self._json(self._next())
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise InvalidRequest("This is no backup of chute-gateway.")
        _check_age(header)
        self._columns = _known_columns(header)
        self.summary = Summary(
            str(header["schema"]), _number(header, "revision"), float(header["made_at"]), bool(header["usage"])
        )

    def __iter__(self) -> Iterator[tuple[Table, Values]]:
        while True:
            before = self._digest.hexdigest()
            line = self._json(self._next())
            if isinstance(line, dict):
                self._check_end(line, before)
                return
            yield self._row(line)

    def _row(self, line: Any) -> tuple[Table, Values]:
        match line:
            case [str() as name, list() as values] if name in self._columns:
                pass
            case _:
                raise InvalidRequest("The backup is damaged: it has a line that is no row.")
        wanted = self._columns[name]
        if len(values) != len(wanted):
            raise InvalidRequest(f"The backup is damaged: a row of {name} has {len(values)} values, not {len(wanted)}.")
        self.summary.rows[name] += 1
        row = {column.name: _value(column, value) for column, value in zip(wanted, values, strict=True)}
        if name == "records":
            _check_record(row)
        return _TABLES[name], row

    def _check_end(self, end: Mapping[str, Any], digest: str) -> None:
        if end.get("sha256") != digest or end.get("rows") != dict(self.summary.rows):
            raise InvalidRequest("The backup is damaged: its checksum is wrong.")
        if self._read(1):
            raise InvalidRequest("The backup is damaged: something follows its end.")

    def _next(self) -> bytes:
        line = self._read(_LONGEST_LINE, line=True)
        if not line.endswith(b"\n"):
            raise InvalidRequest("The backup is cut off: its end is missing.")
        self._digest.update(line)
        return line

    def _read(self, size: int, line: bool = False) -> bytes:
        try:
            return self._stream.readline(size) if line else self._stream.read(size)
        except EOFError:
            raise InvalidRequest("The backup is cut off: its end is missing.") from None
        except (gzip.BadGzipFile, zlib.error):
            raise InvalidRequest("The file is damaged, or no backup of chute-gateway.") from None

    def _json(self, line: bytes) -> Any:
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            raise InvalidRequest("The file is damaged, or no backup of chute-gateway.") from None


def _check_age(header: Mapping[str, Any]) -> None:
    version, schema = _number(header, "version"), str(header.get("schema"))
    if version > VERSION or not schema.isdigit() or int(schema) > int(SCHEMA):
        raise InvalidRequest(
            f"The backup is from a newer gateway ({header.get('gateway')}, schema {schema}): this one reads up to "
            f"schema {SCHEMA}. Upgrade the gateway first."
        )


def _known_columns(header: Mapping[str, Any]) -> dict[str, list["Column[Any]"]]:
    known = {}
    try:
        for name, listed in header["columns"].items():
            table = _TABLES[name]
            allowed = {column.name: column for column in columns(table)}
            known[name] = [allowed[column] for column in listed]
            float(header["made_at"]), header["usage"]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidRequest(f"The backup is damaged: its header has an unknown or missing {error}.") from None
    return known


def _number(header: Mapping[str, Any], name: str) -> int:
    value = header.get(name)
    if not isinstance(value, int):
        raise InvalidRequest(f"The backup is damaged: its header has no {name}.")
    return value


def _value(column: "Column[Any]", value: Any) -> Any:
    """The value as the column takes it."""
    kind = column.type.python_type
    if value is None and column.nullable:
        return None
    if isinstance(column.type, LargeBinary) and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            pass
    elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif type(value) is kind:
        return value
    raise InvalidRequest(f"The backup is damaged: {column.table.name}.{column.name} holds something else.")


def _check_record(row: Values) -> None:
    try:
        Resource(row["resource"])
        whole = isinstance(json.loads(row["document"]), dict) and isinstance(json.loads(row["secrets"]), dict)
    except (ValueError, KeyError):
        whole = False
    if not whole:
        raise InvalidRequest("The backup is damaged: it has a record that cannot be read.")
