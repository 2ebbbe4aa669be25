"""`gateway serve` killed and stopped in the middle of its work."""

import random
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx

from tests.fakes.upstream import Upstream
from tests.trust.processes import MASTER, Served, chat_body, eventually, provider_yaml, usage_rows
from tests.trust.writing import GONE, Ledger, Writer

ROUNDS = 10
WRITES = 1000
WRITERS = 4


def all_keys(client: httpx.Client) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    while True:
        page = client.get("/api/admin/apikeys", params={"limit": 500, "offset": len(found)}).json()
        found += page["data"]
        if len(found) >= page["total"]:
            return found


def check(served: Served, ledger: Ledger) -> int:
    """Every key is as it was acknowledged, or as a writer was just trying; how many were of the latter."""
    with httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {MASTER}"}, timeout=30) as client:
        shown = {f"sk-own-{k['name']}": bool(k["enabled"]) for k in all_keys(client)}
        late = 0
        for key in ledger.trying:
            stem, _, number = key.removesuffix("-q7w3e9r1t5").rpartition("-")
            named = f"{stem}-{int(number)}"
            state = GONE if named not in shown else "on" if shown[named] else "off"
            assert state in ledger.may_be(key), (key, state, ledger.may_be(key))
            answer = client.get("/v1/models", headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == (200 if state == "on" else 401), (key, state)
            late += state != ledger.acknowledged.get(key, GONE)
            ledger.acknowledged[key] = state
        ledger.trying = dict(ledger.acknowledged)
    return late


def test_kill_9_among_1000_admin_writes_loses_none_and_revives_no_key(tmp_path: Path) -> None:
    chance = random.Random(4)
    served, ledger, late, starts = Served(tmp_path), Ledger(), 0, []
    served.start()
    for round in range(ROUNDS):
        until = ledger.writes + chance.randrange(60, 160)
        writers = [Writer(served.port, ledger, f"{round}{w}", ledger.writes + WRITES) for w in range(WRITERS)]
        for writer in writers:
            writer.start()
        eventually(lambda until=until: ledger.writes >= until, 120)  # type: ignore[misc]
        time.sleep(chance.random() / 50)
        served.kill()
        for writer in writers:
            writer.join(60)
            assert not writer.is_alive()
        starts.append(served.start())
        late += check(served, ledger)
    served.stop()
    with closing(sqlite3.connect(served.state / "gateway.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        [(audits,)] = database.execute("SELECT count(*) FROM audit")
    assert audits == ledger.writes + late, "a change without its line in the audit log, or a line without its change"
    gone = sum(state == GONE for state in ledger.acknowledged.values())
    print(f"kill -9: {ROUNDS} times, {ledger.writes} writes acknowledged, 0 lost, {late} whole without acknowledgement")
    print(f"{gone} deleted keys stayed deleted; slowest start {max(starts):.1f} s")


class Stream:
    """A caller of a stream on a bare socket."""

    def __init__(self, served: Served, model: str = "gpt-x") -> None:
        self._line = socket.create_connection(("127.0.0.1", served.port), timeout=60)
        body = httpx.Request("POST", "http://x", json=chat_body(model, stream=True)).content
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {MASTER}\r\n"
        self._line.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.seen = b""

    def begin(self) -> None:
        while b"data:" not in self.seen:
            piece = self._line.recv(65536)
            assert piece, self.seen
            self.seen += piece

    def read(self) -> bytes:
        """To its end, whichever that is."""
        try:
            while piece := self._line.recv(65536):
                self.seen += piece
                if self.seen.endswith(b"0\r\n\r\n"):
                    break
        except ConnectionResetError:
            pass
        self._line.close()
        return self.seen


def begun(served: Served, count: int, model: str = "gpt-x") -> list[Stream]:
    streams = [Stream(served, model) for _ in range(count)]
    for stream in streams:
        stream.begin()
    return streams


def test_kill_9_under_100_streams_ends_them_visibly_and_the_next_start_needs_no_hand(
    tmp_path: Path, upstream: Upstream
) -> None:
    upstream.faults["gpt-x"], upstream.tokens = "slow:0.05", 10_000
    served = Served(tmp_path, yaml=provider_yaml(upstream.url))
    first = served.start()
    streams = begun(served, 100)
    served.kill()
    assert not any(b"[DONE]" in stream.read() for stream in streams)
    eventually(lambda: upstream.open_streams == 0)
    upstream.reset()
    took = served.start()
    assert took <= max(60, 5 * first), "a busy machine apart, about what the first start took"
    assert served.chat().status_code == 200
    served.stop()
    print(f"killed under 100 streams: ready again after {took:.1f} s")


def test_sigterm_lets_streams_finish_and_writes_every_row(tmp_path: Path, upstream: Upstream) -> None:
    """Thirty streams that end in a few seconds, and two streams and an answer that never would: those are cut when
    their time is up, and say so."""
    upstream.faults |= {"gpt-x": "slow:0.05", "gpt-y": "slow:2", "gpt-z": "hang"}
    upstream.tokens = 100
    served = Served(tmp_path, yaml=provider_yaml(upstream.url, ["gpt-x", "gpt-y", "gpt-z"]))
    served.start()
    streams = begun(served, 30)
    endless = begun(served, 2, "gpt-y")
    with ThreadPoolExecutor(1) as pool:
        silent = pool.submit(served.chat, model="gpt-z")
        eventually(lambda: len(upstream.requests) == 33)
        took = served.stop()
        assert (silent.result().status_code, silent.result().json()["error"]["code"]) == (503, "gateway_stopping")
    whole = sum(b"data: [DONE]" in stream.read() for stream in streams)
    assert whole == 30
    cut = [stream.read() for stream in endless]
    assert not any(b"[DONE]" in read for read in cut)
    assert all(b'"code": "gateway_stopping"' in read for read in cut)
    assert took <= 90, "30 s, and on a busy machine some more to write"
    served.start()
    with served.http() as admin:
        rows = usage_rows(admin)
    served.stop()
    assert sorted(row["model"] for row in rows) == ["gpt-x"] * 30 + ["gpt-y"] * 2 + ["gpt-z"]
    assert [row["error_code"] for row in rows if row["model"] != "gpt-x"] == ["gateway_stopping"] * 3
    print(f"SIGTERM: {whole} of 30 streams finished, the end after {took:.1f} s, {len(rows)} of 33 rows written")
