"""How providers did lately: what counts as whose fault, minute by minute, and that it stays bounded."""

from gateway.pipeline.provider_history import note_tries
from gateway.routing.history import MINUTES, History
from gateway.usage.types import Tried, UsageRow


class Clock:
    def __init__(self) -> None:
        self.now = 6000.0

    def __call__(self) -> float:
        return self.now


def row(status: int, *outcomes: str, error: str = "") -> UsageRow:
    attempts = tuple(Tried("lab" if n == 0 else "spare", "m", outcome, 20.0 + n) for n, outcome in enumerate(outcomes))
    return UsageRow("r", 0.0, "chat.completions", "m", status, attempts=attempts, error_code=error)


def tallies(history: History, provider: str) -> tuple[int, int, int]:
    minute = history.minutes(provider, 1)[0]
    return minute.tries, minute.failures, minute.refused


def test_each_try_counts_for_its_own_provider() -> None:
    history = History(Clock())
    note_tries([row(200, "upstream_server_error", "200")], history)
    assert tallies(history, "lab") == (1, 1, 0) and tallies(history, "spare") == (1, 0, 0)
    assert history.read("lab").last_error == "upstream_server_error" and history.read("lab").error_at == 6000.0
    assert history.minutes("spare", 1)[0].median == 21.0


def test_a_request_at_fault_and_a_caller_who_left_say_nothing_against_a_provider() -> None:
    history = History(Clock())
    note_tries([row(400, "upstream_refused", error="upstream_refused")], history)
    note_tries([row(499, "cancelled")], history)
    note_tries([row(499, "200", error="client_gone")], history)
    note_tries([row(200, "overtaken", "200")], history)
    assert tallies(history, "lab") == (2, 0, 1) and history.read("lab").last_error == ""


def test_a_stream_that_broke_counts_as_a_failure_although_it_began() -> None:
    history = History(Clock())
    note_tries([row(200, "200", error="upstream_timeout")], history)
    assert tallies(history, "lab") == (1, 1, 0)


def test_a_broken_stream_counts_for_who_gave_it_and_not_for_who_was_asked_in_vain() -> None:
    history = History(Clock())
    note_tries([row(200, "200", "cancelled", error="upstream_bad_response")], history)
    assert tallies(history, "lab") == (1, 1, 0) and tallies(history, "spare") == (0, 0, 0)


def test_every_minute_has_a_place_also_without_requests() -> None:
    clock = Clock()
    history = History(clock)
    history.note_answers("lab", [10.0])
    clock.now += 130
    history.note_answers("lab", [30.0])
    history.note_failure("lab", "upstream_timeout")
    found = history.minutes("lab", 4)
    assert [one.at for one in found] == [5940.0, 6000.0, 6060.0, 6120.0]
    assert [one.tries for one in found] == [0, 1, 0, 2]
    assert (found[3].failures, found[3].median, found[3].last_error) == (1, 30.0, "upstream_timeout")


def test_it_stays_bounded_whatever_comes() -> None:
    clock = Clock()
    history = History(clock)
    for _ in range(MINUTES + 50):
        clock.now += 60
        history.note_check("lab", 1.0, "upstream_unavailable")
        for _ in range(300):
            history.note_answers("lab", [1.0])
    past = history.read("lab")
    assert len(past.minutes) == MINUTES and len(past.checks) == 200
    assert {(one.tries, len(one.times)) for one in past.minutes} == {(300, 200)}
    for n in range(600):
        history.note_check(f"p{n}", 1.0)
    assert not history.read("lab").checks and len(history.read("p599").checks) == 1
