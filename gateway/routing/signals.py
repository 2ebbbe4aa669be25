"""What Chutes tells of its chutes and of the account: how busy, how fast, hot or cold, how much of the caps is used.

`background.signals` writes it, the order of targets, `explain` and the overview read it. In memory only.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeVar
from urllib.parse import urlsplit

from gateway.routing.forecast import Forecast, Sample, Window, forecast, nearly_used
from gateway.routing.types import Target

LIVE, STALE = 180.0, 1800.0
"""Seconds for which the load of a chute counts as live, and until it is forgotten."""
SPEED_LIVE, SPEED_STALE = 2 * 3600.0, 48 * 3600.0
"""The same for statistics, which the platform makes by the day."""
BUSY, LIMITED = 0.95, 0.2
"""Share of a chute's capacity in use, and of its calls turned away, from which on it counts as crowded."""
COLD_START = 90.0
"""Seconds until a cold chute answers, while no start was measured."""

_WEIGHT = 0.3
_SAMPLES = 240
_MAX_NOTED = 1000
_T = TypeVar("_T")
_NO_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Load:
    """Of one chute; shares are 0 to 1. `at` is `time.monotonic()`."""

    at: float
    instances: int | None = None
    utilization: float | None = None
    limited: float | None = None

    @property
    def crowded(self) -> bool:
        return (self.utilization or 0.0) >= BUSY or (self.limited or 0.0) >= LIMITED


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds to the first token, tokens a second, as all callers of the chute saw them lately."""

    at: float
    ttft: float | None = None
    tps: float | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Of one provider, by its first key. `key_ok` None: not asked yet, or nobody answered. `at` is `time.time()`."""

    at: float = 0.0
    reachable: bool | None = None
    key_ok: bool | None = None
    balance: float | None = None
    windows: tuple[Window, ...] = ()
    own_quotas: frozenset[str] = frozenset()
    """Ids of the chutes for whose requests the account has a quota of their own; the general one is not for them."""
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    error: str = ""

    @property
    def nearly_used(self) -> tuple[Window, ...]:
        """The caps for which it would be better to ask somebody else."""
        return tuple(w for w in self.windows if nearly_used(w, self.forecasts.get(w.name, Forecast())))

    def holds(self, window: Window, chute: str) -> bool:
        """Whether calls of this chute count towards that cap."""
        if window.chute:
            return window.chute == chute
        return window.unit != "requests" or chute not in self.own_quotas


def names_of(target: Target) -> tuple[str, ...]:
    """By what a target's chute may be known: the model, and the slug of its own host."""
    return _names(target.upstream_model, target.base_url)


@lru_cache(maxsize=4096)
def _names(upstream_model: str, base_url: str) -> tuple[str, str]:
    model = upstream_model.removeprefix("chutes/").removesuffix(":THINKING").lower()
    slug = (urlsplit(base_url).hostname or "").partition(".")[0] if base_url else ""
    return model, slug or chute_slug(model)


def chute_slug(name: str) -> str:
    """Of a public chute, as Chutes makes it of the owner's and the chute's name."""
    return "chutes-" + _NO_SLUG.sub("-", name.lower()).strip("-").removeprefix("chutes-")


class Signals:
    """`watched` are the providers that these signals are about: those on hosts of Chutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.watched: frozenset[str] = frozenset()
        self.accounts: dict[str, Account] = {}
        self.cold_start = COLD_START
        self.enabled = True
        """Whether Chutes is asked at all."""
        self._loads: Mapping[str, Load] = {}
        self._ids: Mapping[str, str] = {}
        self._chutes: Mapping[str, str] = {}
        self._speeds: Mapping[str, Speed] = {}
        self._warmth: dict[str, tuple[float, bool]] = {}
        self._warming: dict[str, float] = {}
        self._samples: dict[tuple[str, str], deque[Sample]] = {}

    # --- told ---------------------------------------------------------------------------------------------------

    def take_loads(self, rows: Iterable[tuple[str, str, Load]]) -> None:
        """Of all chutes: id, name and load. Of several of one name the one with more instances counts for the name."""
        found: dict[str, Load] = {}
        ids: dict[str, str] = {}
        names: dict[str, str] = {}
        for chute_id, name, load in rows:
            own = chute_id.lower()
            found[own], ids[own], names[own] = load, own, name
            for key in {name.lower(), chute_slug(name)}:
                known = found.get(key)
                if known is None or (known.instances or 0) <= (load.instances or 0):
                    found[key], ids[key] = load, own
        self._loads, self._ids, self._chutes = found, ids, names

    def take_speeds(self, rows: Iterable[tuple[str, str, Speed]]) -> None:
        found: dict[str, Speed] = {}
        for chute_id, name, speed in rows:
            for key in {chute_id.lower(), name.lower(), chute_slug(name)}:
                found[key] = speed
        self._speeds = found

    def take_account(self, provider: str, account: Account) -> None:
        """Keeps what it needs to tell the pace, and forecasts."""
        forecasts = {}
        for window in account.windows:
            samples = self._samples.setdefault((provider, window.name), deque(maxlen=_SAMPLES))
            samples.append(Sample(account.at, window.used))
            forecasts[window.name] = forecast(tuple(samples), window, account.at)
        self.accounts[provider] = replace(account, forecasts=forecasts)

    def note_warmth(self, target: Target, *, hot: bool) -> None:
        """What a call or a warm-up met itself; newer than what the last poll said."""
        name, now = names_of(target)[0], self.clock()
        if len(self._warmth) >= _MAX_NOTED:
            self._warmth.clear()
        self._warmth[name] = now, hot
        if not hot:
            self._warming.setdefault(name, now)
        elif (began := self._warming.pop(name, None)) is not None:
            self.cold_start += _WEIGHT * (now - began - self.cold_start)

    def give_up(self, target: Target) -> None:
        """Its start tells nothing of how long starts take."""
        self._warming.pop(names_of(target)[0], None)

    # --- asked --------------------------------------------------------------------------------------------------

    def load(self, target: Target, *, longest: float = STALE) -> Load | None:
        """None where nothing is known, or what is known is older than `longest` seconds."""
        load = _known(self._loads, target) if target.provider_id in self.watched else None
        return load if load is not None and self.clock() - load.at <= longest else None

    def speed(self, target: Target, *, longest: float = SPEED_STALE) -> Speed | None:
        speed = _known(self._speeds, target) if target.provider_id in self.watched else None
        return speed if speed is not None and self.clock() - speed.at <= longest else None

    def hot(self, target: Target) -> bool | None:
        """Only what is live counts; None where nobody knows."""
        if not self.watched or target.provider_id not in self.watched:
            return None
        load = self.load(target, longest=LIVE)
        at, hot = self._warmth.get(names_of(target)[0], (float("-inf"), False))
        if self.clock() - at <= LIVE and (load is None or at >= load.at):
            return hot
        return None if load is None or load.instances is None else load.instances > 0

    def cold(self, target: Target) -> bool:
        return self.hot(target) is False

    def eta(self, target: Target) -> float:
        """Seconds until a cold chute will answer, by how long others took: an estimate, never under 5."""
        now = self.clock()
        return max(5.0, self.cold_start - (now - self._warming.get(names_of(target)[0], now)))

    def chute_id(self, target: Target) -> str:
        """Of what was told of all chutes; empty where it is not known."""
        return _known(self._ids, target) or ""

    def chute_name(self, chute_id: str) -> str:
        """The id itself where the name is not known."""
        return self._chutes.get(chute_id, chute_id)

    def short(self, target: Target) -> tuple[Window, ...]:
        """The caps of the target's account that are nearly used, and its own quota."""
        account = self.accounts.get(target.provider_id)
        if account is None or target.provider_id not in self.watched or not (short := account.nearly_used):
            return ()
        chute = self.chute_id(target)
        return tuple(window for window in short if account.holds(window, chute))

    def facts(self, target: Target) -> list[str]:
        """For people; empty for what is no chute of Chutes."""
        if target.provider_id not in self.watched:
            return []
        load, speed, hot = self.load(target), self.speed(target), self.hot(target)
        found = [] if hot is None else ["hot" if hot else f"cold, about {self.eta(target):.0f} s until it answers"]
        if load is not None:
            age = self.clock() - load.at
            said = [] if load.instances is None else [f"{load.instances} instances"]
            said += [] if load.utilization is None else [f"{load.utilization:.0%} busy"]
            said += [f"{load.limited:.0%} turned away"] if load.limited else []
            found += said if age <= LIVE else [*said, f"as of {age / 60:.0f} min ago"]
        if speed is not None and (speed.ttft or speed.tps):
            found.append(f"for all callers {speed.ttft or 0:.2f} s, {speed.tps or 0:.0f} tok/s")
        return found + [f"{w.name} {w.share:.0%} used" for w in self._windows(target)]

    def _windows(self, target: Target) -> tuple[Window, ...]:
        account, chute = self.accounts.get(target.provider_id), self.chute_id(target)
        return tuple(w for w in account.windows if account.holds(w, chute)) if account else ()


def _known(known: Mapping[str, _T], target: Target) -> _T | None:
    return next((known[name] for name in names_of(target) if name in known), None)
