"""The tables, for SQLite and PostgreSQL alike. A change needs a step in `migrations/versions` and a new `SCHEMA`."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql.compiler import DDLCompiler

from gateway.store.buckets import BUCKETS

SCHEMA = "0007"
"""The newest version of the schema: the last file of `migrations/versions`."""

VERSION_TABLE = "gateway_schema"

metadata = MetaData()
_big = BigInteger().with_variant(Integer, "sqlite")


def _text(name: str, **options: Any) -> "Column[str]":
    return Column(name, Text, nullable=False, server_default="", **options)


def _count(name: str, **options: Any) -> "Column[int]":
    return Column(name, BigInteger, nullable=False, server_default="0", **options)


def _sum(name: str) -> "Column[float]":
    return Column(name, Double, nullable=False, server_default="0")


meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", BigInteger),
    Column("text", Text),
)
"""`revision` (of the last change), `kept_from` (changes after this revision are known), `instance` (a random id)."""

records = Table(
    "records",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("handle", Text),
    Column("document", Text, nullable=False),
    Column("secrets", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("resource", "handle", name="records_handle"),
    Index("records_revision", "revision"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Index("tombstones_revision", "revision"),
)

audit = Table(
    "audit",
    metadata,
    Column("number", _big, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    _text("actor"),
    _text("action"),
    _text("resource"),
    _text("resource_id"),
    _text("changes"),
    _text("address"),
    _count("revision"),
    Index("audit_at", "at"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    _text("user_id"),
    _text("role"),
    _text("csrf_digest"),
    Column("created_at", Double, nullable=False),
    Column("last_seen", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    _text("address"),
    _text("agent"),
    Index("sessions_user", "user_id"),
    Index("sessions_expiry", "expires_at"),
)


def _partial(name: str, *columns: str, where: str) -> Index:
    """Of rows of which `where` is true; a question that says the same is answered from it."""
    return Index(name, *columns, info={"where": where})


@compiles(CreateIndex)
def _create_index(create: CreateIndex, compiler: DDLCompiler, **options: Any) -> str:
    """Both databases write the condition alike. SQLAlchemy's `sqlite_where` and `postgresql_where` would import both
    their dialects at every start."""
    made: str = compiler.visit_create_index(create, **options)  # type: ignore[no-untyped-call]
    where = create.element.info.get("where")
    return f"{made} WHERE {where}" if where else made


usage = Table(
    "usage",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("at", Double, nullable=False),
    _text("operation"),
    _text("model"),
    Column("status", Integer, nullable=False),
    _text("key_id"),
    _text("key_name"),
    _text("user_id"),
    _text("route"),
    _text("provider_id"),
    _text("upstream_model"),
    _text("attempts"),
    _text("error_code"),
    Column("stream", Boolean, nullable=False),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("seconds", Double),
    Column("pages", BigInteger),
    Column("cost_nanos", BigInteger),
    Column("price", Text),
    _sum("latency_ms"),
    Column("ttft_ms", Double),
    Column("overhead_ms", Double),
    Column("cached", Boolean, nullable=False),
    Index("usage_at", "at"),
    Index("usage_key", "key_id", "at"),
    Index("usage_route", "route", "at"),
    _partial("usage_user", "user_id", "at", where="user_id != ''"),
    _partial("usage_failed", "at", where="status >= 400"),
)
"""One row a request: the fields of `UsageRow`. `attempts` and `price` are JSON texts. An index costs time for
every row in it, so that those which nobody looks for are left out."""

HOUR_KEYS = ("hour", "key_id", "user_id", "route", "provider_id", "upstream_model", "operation")
HOUR_COUNTS = (
    *("requests", "errors", "cached", "streams", "unpriced"),
    *("input_tokens", "output_tokens", "cached_tokens", "pages", "cost_nanos"),
    *("ttft_count", "overhead_count"),
    *(f"latency_{n}" for n in range(len(BUCKETS) + 1)),
    *(f"ttft_{n}" for n in range(len(BUCKETS) + 1)),
)
HOUR_SUMS = ("seconds", "latency_ms", "ttft_ms", "overhead_ms")

usage_hours = Table(
    "usage_hours",
    metadata,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, Text, primary_key=True, server_default="") for name in HOUR_KEYS[1:]),
    *(_count(name) for name in HOUR_COUNTS),
    *(_sum(name) for name in HOUR_SUMS),
)
"""Roll-ups that outlive the rows. `hour` is the epoch second it began at.

`errors` counts `UsageRow.failed`, `unpriced` the requests without a known cost. `latency_N` and `ttft_N` count
the requests up to the bound N of `BUCKETS`, the last of them what is above all bounds.
"""

bodies = Table(
    "bodies",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("at", Double, nullable=False),
    _count("size"),
    Column("request", LargeBinary),
    Column("response", LargeBinary),
    Index("bodies_at", "at"),
)

spend = Table(
    "spend",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("nanos", BigInteger, nullable=False),
    Index("spend_period", "period"),
)

last_used = Table(
    "last_used",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("at", Double, nullable=False),
)
"""When the newest request of each key arrived. It outlives the rows."""

prices = Table(
    "prices",
    metadata,
    Column("number", _big, primary_key=True, autoincrement=True),
    Column("provider_id", Text, nullable=False),
    Column("upstream_model", Text, nullable=False),
    Column("input_per_million", Double),
    Column("output_per_million", Double),
    Column("cached_input_per_million", Double),
    Column("per_minute", Double),
    Column("per_page", Double),
    Column("per_request", Double),
    Column("valid_from", Double, nullable=False),
    _text("source"),
    Index("prices_target", "provider_id", "upstream_model", "valid_from"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    _text("owner"),
    _text("request_id"),
    _text("operation"),
    _text("model"),
    _text("status"),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("expires_at", Double),
    _text("worker"),
    Column("lease_until", Double, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("http_status", Integer),
    _text("headers"),
    _text("error"),
    _count("size"),
    Column("body", LargeBinary),
    Index("jobs_owner", "owner", "created_at"),
    Index("jobs_status", "status"),
    Index("jobs_expiry", "expires_at"),
)
"""Requests that were handed over, and their answers until `expires_at`. `owner` is the id of a key; `worker` names the
process that works on it and must renew `lease_until`; `cancelled` is a wish; `headers` and `error` are JSON."""

hooks = Table(
    "hooks",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("receiver", Text, nullable=False),
    _text("worker"),
    Column("lease_until", Double, nullable=False),
)
"""Whom to tell of the end of a job, sealed, until that is done. `worker` must renew `lease_until`, as of the job;
another takes over what it left."""

login_tries = Table(
    "login_tries",
    metadata,
    Column("name", Text, primary_key=True),
    _count("tries"),
    Column("locked_until", Double, nullable=False),
    Column("forget_at", Double, nullable=False),
    Index("login_tries_forget", "forget_at"),
)
"""How often somebody tried to log in, by a digest of the account or of the address; and where accounts are at home."""

files = Table(
    "files",
    metadata,
    Column("id", Text, primary_key=True),
    _text("owner"),
    _text("name"),
    _text("purpose"),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("ready", Boolean, nullable=False),
    _count("size"),
    Index("files_owner", "owner", "created_at"),
    Index("files_expiry", "expires_at"),
)
"""What was uploaded, and what batches answered. One that is not `ready` is being written: nobody sees it."""

file_lines = Table(
    "file_lines",
    metadata,
    Column("file_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
"""The bytes of `files`, line ends included. A line of an answer has the number of the request's line."""

batches = Table(
    "batches",
    metadata,
    Column("id", Text, primary_key=True),
    _text("owner"),
    _text("endpoint"),
    _text("completion_window"),
    _text("status"),
    _text("input_id"),
    _text("output_id"),
    _text("error_id"),
    Column("created_at", Double, nullable=False),
    Column("begun_at", Double),
    Column("cancelling_at", Double),
    Column("finalizing_at", Double),
    Column("ended_at", Double),
    Column("due_at", Double, nullable=False),
    Column("expires_at", Double),
    _text("worker"),
    Column("lease_until", Double, nullable=False),
    _count("total"),
    _count("completed"),
    _count("failed"),
    _text("metadata"),
    _text("errors"),
    Column("output_seconds", Double),
    _text("models"),
    Index("batches_owner", "owner", "created_at"),
    Index("batches_status", "status"),
    Index("batches_expiry", "expires_at"),
)
"""Files of requests that are asked one after another until `due_at`. `worker` names the process that works on it and
must renew `lease_until`; another takes over what it left. `metadata`, `errors` and `models` are JSON; `expires_at` is
when the row goes, `output_seconds` for how long its answers are kept where the caller said so."""
