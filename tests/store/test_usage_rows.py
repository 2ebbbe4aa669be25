"""Usage rows, roll-ups, spend and prices: each counted once, whatever is sent twice."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Table, func, select

from gateway.errors import StorageFailed
from gateway.settings.periods import period_name
from gateway.store import usage_rows
from gateway.store.buckets import BUCKETS, percentile, spread
from gateway.store.documents import from_json
from gateway.store.retention import Retention
from gateway.store.store import Store
from gateway.store.tables import bodies, usage, usage_hours
from gateway.store.usage_conditions import row_conditions
from gateway.usage.report import UsageFilter
from gateway.usage.types import Price, Spend, Tried, UsageRow
from tests.store.conftest import Home

AT = 1_795_240_800.0
"""A full hour."""


def row(id: str, **changes: Any) -> UsageRow:
    facts: dict[str, Any] = {"at": AT, "operation": "chat", "model": "m", "status": 200, "key_id": "k", "user_id": "u"}
    return UsageRow(id, **{**facts, "cost_nanos": 10, "latency_ms": 20.0, **changes})


def spends(*rows: UsageRow) -> list[Spend]:
    scopes = [(scope, one) for one in rows for scope in (f"key:{one.key_id}", f"user:{one.user_id}", "global")]
    return [
        Spend(scope, period_name(period, one.at), one.cost_nanos or 0)
        for scope, one in scopes
        for period in ("day", "total")
    ]


async def all_of(store: Store, table: Table) -> list[Any]:
    def read(connection: Connection) -> list[Any]:
        return list(connection.execute(select(table).order_by(*table.primary_key.columns)))

    return await store.query(read)


async def count(store: Store, table: Table) -> int:
    return await store.query(
        lambda connection: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
    )


async def test_a_row_keeps_every_field(store: Store) -> None:
    tried = (Tried("a", "x", "upstream_error", 5.0), Tried("b", "y", "200", 7.5, 6.0))
    price = Price("b", "y", 0.1, 0.2, None, valid_from=3.0, source="test")
    full = row(
        "r1", key_name="K", route="fast", provider_id="b", upstream_model="y", attempts=tried, error_code="x",
        stream=True, input_tokens=3, output_tokens=4, cached_tokens=1, seconds=1.5, pages=2, price=price,
        ttft_ms=8.0, overhead_ms=0.4, cached=True, request_body=b"\0in", response_body=b"\xffout",
    )  # fmt: skip
    await store.append([full], [])
    (kept,) = await all_of(store, usage)
    for name in UsageRow.__struct_fields__:
        if name not in ("attempts", "price", "request_body", "response_body", "trace", "span_ids"):
            assert getattr(kept, name) == getattr(full, name), name
    assert tuple(Tried(**one) for one in from_json(kept.attempts)) == tried
    assert Price(**from_json(kept.price)) == price
    (body,) = await all_of(store, bodies)
    assert (bytes(body.request), bytes(body.response), body.size) == (b"\0in", b"\xffout", 7)


async def test_what_nobody_knows_stays_unknown_and_no_body_is_kept_unasked(store: Store) -> None:
    await store.append([row("r", cost_nanos=None)], [])
    (kept,) = await all_of(store, usage)
    assert kept.cost_nanos is None and kept.price is None and kept.ttft_ms is None and kept.input_tokens is None
    assert await all_of(store, bodies) == []


@pytest.mark.parametrize("first", ["known", "unknown", "both"])
async def test_a_batch_keeps_what_its_rows_have_alike_and_what_they_differ_in(store: Store, first: str) -> None:
    """Flags and unknown figures that a whole batch shares are written another way than others."""
    figures: dict[str, Any] = {"input_tokens": 0, "cached_tokens": 2, "seconds": 0.0, "pages": 1, "ttft_ms": 0.0}
    known = {**figures, "output_tokens": 0, "overhead_ms": 1.5, "price": Price("b", "y", 0.1), "stream": True}
    unknown = {**dict.fromkeys(known), "cost_nanos": None, "stream": False, "cached": True}
    kinds = {"known": [known, known], "unknown": [unknown, unknown], "both": [known, unknown]}[first]
    rows = [row(f"r{n}", **kind) for n, kind in enumerate(kinds)]
    await store.append(rows, ())
    for wanted, kept in zip(rows, await all_of(store, usage), strict=True):
        told = {name: getattr(kept, name) for name in known | unknown if name != "price"}
        assert told == {name: getattr(wanted, name) for name in told}
        assert (kept.price is None) == (wanted.price is None)


async def test_of_each_key_the_newest_use_is_known_in_whatever_order_rows_come(home: Home) -> None:
    one, other = await home.open(), await home.open()
    assert await one.last_used(["k", "l"]) == {}
    await one.append(
        [row("r1", at=AT + 5), row("r2", at=AT + 9), row("r3", key_id="l", status=429, cost_nanos=None)], []
    )
    await other.append([row("r4", at=AT + 7), row("r5", at=AT + 8, key_id="")], [])
    assert await one.last_used(["k", "l", "never", ""]) == {"k": AT + 9, "l": AT}
    await other.append([row("r6", at=AT + 60)], [])
    await one.prune(Retention(usage_before=AT + 3600, hours_before=AT + 3600))
    assert await one.last_used(["k"]) == {"k": AT + 60}, "it outlives the rows"


async def test_last_uses_of_many_keys_are_read_at_once(store: Store) -> None:
    ids = [f"k{n}" for n in range(2500)]
    await store.append([row(id, key_id=id, at=AT + n) for n, id in enumerate(ids)], [])
    assert await store.last_used(ids) == {id: AT + n for n, id in enumerate(ids)}


async def test_a_batch_sent_twice_counts_once(store: Store) -> None:
    rows = [row(f"r{n}") for n in range(5)]
    for _ in range(3):
        await store.append(rows, spends(*rows))
    assert await count(store, usage) == 5
    (hour,) = await all_of(store, usage_hours)
    assert (hour.requests, hour.cost_nanos) == (5, 50)
    assert await store.spent(["total"]) == {("key:k", "total"): 50, ("user:u", "total"): 50, ("global", "total"): 50}


async def test_of_a_batch_that_is_partly_known_only_the_new_rows_are_spent(store: Store) -> None:
    first, second, other = row("r1"), row("r2", cost_nanos=7), row("r3", key_id="k2", user_id="", cost_nanos=100)
    await store.append([first], spends(first))
    await store.append([first, second, second, other], spends(first, second, second, other))
    spent = await store.spent(["total", period_name("day", AT)])
    assert spent["key:k", "total"] == spent["key:k", period_name("day", AT)] == 17
    assert spent["key:k2", "total"] == 100 and spent["global", "total"] == 117
    assert await store.spent(["day:1999-01-01"]) == {}


async def test_a_batch_that_fails_leaves_nothing(store: Store) -> None:
    bad = msgspec.structs.replace(row("bad"), at=None)
    with pytest.raises(StorageFailed):
        await store.append([row("good"), bad], spends(row("good")))
    assert await count(store, usage) == 0 and await store.spent(["total"]) == {}


async def test_hours_sum_up_by_who_and_where(store: Store) -> None:
    rows = [
        row("a", latency_ms=4.0, ttft_ms=2.0, overhead_ms=0.5, input_tokens=3, output_tokens=5, stream=True),
        row("b", latency_ms=30.0, status=502, cost_nanos=None, seconds=1.5),
        row("c", latency_ms=9e9, status=499, cached=True, pages=2),
        row("d", at=AT + 3600),
        row("e", provider_id="p"),
    ]
    await store.append(rows[:2], [])
    await store.append(rows[2:], [])
    by_key = {(hour.hour, hour.provider_id): hour for hour in await all_of(store, usage_hours)}
    assert len(by_key) == 3
    hour = by_key[int(AT), ""]
    assert (hour.requests, hour.errors, hour.cached, hour.streams, hour.unpriced) == (3, 1, 1, 1, 1)
    assert (hour.input_tokens, hour.output_tokens, hour.pages, hour.seconds, hour.cost_nanos) == (3, 5, 2, 1.5, 20)
    assert (hour.ttft_count, hour.ttft_ms, hour.overhead_count, hour.overhead_ms) == (1, 2.0, 1, 0.5)
    counts = [getattr(hour, f"latency_{n}") for n in range(len(BUCKETS) + 1)]
    assert counts == spread([4.0, 30.0, 9e9]) and counts[-1] == 1 and sum(counts) == 3


def test_percentiles_of_buckets_are_near_those_of_the_times() -> None:
    times = [float(n) for n in range(1, 1001)]
    counts = spread(times)
    for share in (0.5, 0.9, 0.99):
        found = percentile(counts, share)
        assert found is not None and abs(found - 1000 * share) < 15
    assert percentile([0] * (len(BUCKETS) + 1), 0.5) is None
    assert percentile([0] * len(BUCKETS) + [3], 0.5) == BUCKETS[-1]


async def test_what_callers_choose_never_spoils_a_batch(store: Store) -> None:
    odd = row("r\0", model="\ud800\0" + "x" * 5000, input_tokens=10**30, pages=-(10**30))
    await store.append([odd, row("good")], [])
    assert await count(store, usage) == 2


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("model", "a\0b", "a\ufffdb"),
        ("key_name", "Zoë", "Zoë"),
        ("route", "x" * 5000, "x" * 1000),
        ("error_code", "\ud800", "?"),
        ("input_tokens", 10**30, 2**63 - 1),
        ("pages", -(10**30), -(2**63 - 1)),
        ("latency_ms", float("inf"), 0.0),
        ("ttft_ms", float("nan"), None),
    ],
)
async def test_one_odd_field_is_made_storable_and_the_rows_around_it_stay_as_they_are(
    store: Store, field: str, value: Any, kept: Any
) -> None:
    await store.append([row("a", model="m-a"), row("b", **{field: value}), row("c", latency_ms=7.0)], [])
    before, odd, behind = await all_of(store, usage)
    assert getattr(odd, field) == kept
    assert (before.model, before.latency_ms, behind.latency_ms) == ("m-a", 20.0, 7.0)


async def test_parallel_batches_add_up(store: Store) -> None:
    batches = [[row(f"{n}-{m}", key_id=f"k{m % 3}") for m in range(20)] for n in range(20)]
    await asyncio.gather(*(store.append(batch, spends(*batch)) for batch in batches))
    assert await count(store, usage) == 400
    assert (await store.spent(["total"]))["global", "total"] == 4000


async def test_prices_are_dated_facts_that_are_never_overwritten(store: Store) -> None:
    old = Price("p", "m", 1.0, 2.0, valid_from=10, source="list")
    await store.add_prices([old])
    await store.add_prices([replace(old, valid_from=20), replace(old, valid_from=30, output_per_million=3.0)])
    await store.add_prices([replace(old, valid_from=40), Price("p", "other", 1.0, valid_from=5)])
    found = [(price.upstream_model, price.valid_from, price.output_per_million) for price in await store.prices()]
    assert found == [("other", 5, None), ("m", 10, 2.0), ("m", 30, 3.0), ("m", 40, 2.0)]
    assert old in await store.prices()


async def test_each_new_price_is_compared_with_those_of_its_target_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalog tells thousands at a time: compared with one another they would keep the database for seconds."""
    seen: list[int] = []
    compare = usage_rows._in_force

    def counted(price: Price, known: Sequence[Price]) -> bool:
        seen.append(len(known))
        return compare(price, known)

    monkeypatch.setattr(usage_rows, "_in_force", counted)
    told = [Price("p", f"m{n}", 1.0, valid_from=1) for n in range(40)]
    await store.add_prices(told)
    await store.add_prices([replace(price, valid_from=2, input_per_million=n % 2) for n, price in enumerate(told)])
    assert seen == [0] * 40 + [1] * 40 and len(await store.prices()) == 60


async def test_old_rows_and_bodies_go_and_roll_ups_stay(store: Store) -> None:
    rows = [row(f"r{n:04}", at=AT + n, request_body=b"x" * 10) for n in range(1200)]
    await store.append(rows, spends(*rows))
    gone = await store.prune(Retention(usage_before=AT + 700, bodies_before=AT + 1100))
    assert (gone["usage"], gone["bodies"]) == (700, 1100)
    assert await count(store, usage) == 500 and await count(store, bodies) == 100
    assert sum(hour.requests for hour in await all_of(store, usage_hours)) == 1200
    assert (await store.spent(["total"]))["global", "total"] == 12000
    assert (await store.prune(Retention(hours_before=AT + 3600)))["usage_hours"] == 1


async def test_the_oldest_rows_go_where_there_are_too_many_or_they_are_too_big(store: Store) -> None:
    await store.append([row(f"r{n:03}", at=AT + n, request_body=b"x" * 9000) for n in range(100)], [])
    assert (await store.prune(Retention(max_rows=80)))["usage"] == 20
    assert (await store.prune(Retention(max_bytes=400_000)))["usage"] == 40
    kept = [one.request_id for one in await all_of(store, usage)]
    assert kept == [f"r{n:03}" for n in range(60, 100)]
    assert await count(store, bodies) == 40
    assert (await store.prune(Retention(max_rows=80, max_bytes=400_000))).get("usage", 0) == 0


async def test_writers_get_their_turn_while_rows_are_pruned(store: Store) -> None:
    await store.append([row(f"r{n}", at=AT) for n in range(3000)], [])
    pruning = asyncio.create_task(store.prune(Retention(usage_before=AT + 1)))
    turns = 0
    while not pruning.done():
        await store.append([row(f"late{turns}", at=AT + 5)], [])
        turns += 1
    assert turns >= 5 and await count(store, usage) == turns


@pytest.mark.parametrize(
    ("wanted", "index"),
    [({"status_from": 400, "status_to": 599}, "usage_failed"), ({"user_ids": ("u",)}, "usage_user")],
)
async def test_an_index_of_some_rows_answers_who_asks_for_them(
    file_home: Home, wanted: dict[str, Any], index: str
) -> None:
    store = await file_home.open()
    await store.append([row("r1"), row("r2", status=503), row("r3", user_id="")], [])
    conditions = row_conditions(UsageFilter(0, 2 * AT, **wanted))
    statement = select(usage).where(*conditions).order_by(usage.c.at.desc())

    def explain(connection: Connection) -> str:
        asked = statement.compile(connection, compile_kwargs={"render_postcompile": True})
        values = tuple(asked.params[name] for name in asked.positiontup or ())
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", values).all())

    assert index in await store.query(explain)
    found = await store.query(lambda connection: connection.execute(statement).all())
    assert sorted(one.request_id for one in found) == (["r2"] if index == "usage_failed" else ["r1", "r2"])
