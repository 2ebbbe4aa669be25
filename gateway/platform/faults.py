"""Faults that are injected on purpose: `POST /_emulator/faults`, or `--fault` of the command. Called for each request.

A fault is one line: `METHOD PATH=STATUS[:WORDS][*TIMES]`, as in `POST /chutes/=402:no money*1`. PATH is a glob, METHOD
may be `*`; `build=WORDS` lets the next image build fail. It applies to all hosts of the platform.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from gateway.errors import InvalidRequest

_LINE = re.compile(r"(?P<on>[^=]+)=(?P<status>\d{3})?:?(?P<words>.*?)(?:\*(?P<times>\d+))?", re.DOTALL)
BUILD = "build"


@dataclass(slots=True)
class Fault:
    """`times` None: until it is removed. `delay` in seconds before it (or the true answer, where status is 0)."""

    on: str
    status: int = 0
    words: str = ""
    times: int | None = None
    delay: float = 0.0

    @classmethod
    def parse(cls, line: str) -> "Fault":
        """Raises InvalidRequest."""
        found = _LINE.fullmatch(line)
        if not found or (not found["status"] and found["on"] != BUILD):
            raise InvalidRequest(f"{line!r} is no fault: write 'METHOD PATH=STATUS:WORDS*TIMES' or 'build=WORDS'.")
        times = int(found["times"]) if found["times"] else None
        return cls(found["on"], int(found["status"] or 0), found["words"] or "injected", times)

    @classmethod
    def of(cls, document: Any) -> "Fault":
        """Raises InvalidRequest."""
        if isinstance(document, str):
            return cls.parse(document)
        if not isinstance(document, Mapping) or not isinstance(document.get("on"), str):
            raise InvalidRequest("A fault is a line, or an object with 'on', 'status', 'words', 'times', 'delay'.")
        unknown = set(document) - set(cls.__dataclass_fields__)
        if unknown:
            raise InvalidRequest(f"'{sorted(unknown)[0]}' is no field of a fault.", param=sorted(unknown)[0])
        return cls(**document)


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def listed(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._faults]

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault for this request; one of its times is used up."""
        return self._take(lambda on: on != BUILD and _matches(on, method, path))

    def take_build(self) -> Fault | None:
        return self._take(lambda on: on == BUILD)

    def _take(self, matches: Any) -> Fault | None:
        for fault in self._faults:
            if matches(fault.on):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault
        return None


def _matches(on: str, method: str, path: str) -> bool:
    wanted, _, pattern = on.partition(" ")
    return wanted in ("*", method) and fnmatchcase(path, pattern)
