"""Counts attempts to log in, inside a transaction that is given. Called by `Store`."""

from typing import Any

from sqlalchemy import Connection, Row, case, delete, select, text, update

from gateway.access.throttle import FORGIVEN, HOME, Bound, LoginTry
from gateway.store.tables import login_tries
from gateway.store.usage_rows import insert_of

_LOCK = 7_239_018_443
"""Number of the advisory lock; any number that nobody else uses."""

_Rows = dict[str, Row[Any]]


def waiting(connection: Connection, one: LoginTry, now: float) -> float:
    """Seconds until it may be made; 0: now."""
    rows = _rows(connection, one, now)
    return max(_wait(rows, bound, now) for bound in (_own(rows, one), one.address))


def count(connection: Connection, one: LoginTry, now: float) -> float:
    """Counts it and returns 0, or the seconds to wait, and nothing was counted."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    if wait := waiting(connection, one, now):
        return wait
    connection.execute(delete(login_tries).where(login_tries.c.forget_at <= now))
    rows = _rows(connection, one, now)
    for bound in (_own(rows, one), one.address):
        tries = (rows[bound.name].tries if bound.name in rows else 0) + 1
        pause = min(bound.longest, 2.0 ** min(tries - bound.free, 30)) if tries >= bound.free else 0.0
        _put(connection, bound.name, tries, now + pause, now + FORGIVEN)
    return 0.0


def succeeded(connection: Connection, one: LoginTry, now: float) -> None:
    """The account begins anew and is at home there; the address gets this attempt back."""
    own = _own(_rows(connection, one, now), one)
    connection.execute(delete(login_tries).where(login_tries.c.name == own.name))
    _put(connection, one.home, 0, now, now + HOME)
    fewer = case((login_tries.c.tries > 0, login_tries.c.tries - 1), else_=0)
    of_address = update(login_tries).where(login_tries.c.name == one.address.name)
    connection.execute(of_address.values(tries=fewer, locked_until=now))


def _rows(connection: Connection, one: LoginTry, now: float) -> _Rows:
    names = (one.account.name, one.at_home.name, one.address.name, one.home)
    wanted = select(login_tries).where(login_tries.c.name.in_(names), login_tries.c.forget_at > now)
    return {row.name: row for row in connection.execute(wanted)}


def _own(rows: _Rows, one: LoginTry) -> Bound:
    return one.at_home if one.home in rows else one.account


def _wait(rows: _Rows, bound: Bound, now: float) -> float:
    """None is longer than the longest: then the clock was set back."""
    left: float = rows[bound.name].locked_until - now if bound.name in rows else 0.0
    return left if 0 < left <= bound.longest else 0.0


def _put(connection: Connection, name: str, tries: int, locked_until: float, forget_at: float) -> None:
    values = {"tries": tries, "locked_until": locked_until, "forget_at": forget_at}
    added = insert_of(connection, login_tries).values(name=name, **values)
    connection.execute(added.on_conflict_do_update(index_elements=["name"], set_=values))
