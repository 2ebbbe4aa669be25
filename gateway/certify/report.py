"""The results for people, as a table, and for machines, as JSON."""

import json
from collections.abc import Sequence

from gateway.certify.configuration import Configuration
from gateway.certify.run import Result


def table(results: Sequence[Result], configuration: Configuration, seconds: float) -> str:
    limits = ", ".join(f"{name.upper()}={value}" for name, value in configuration.limits.items())
    lines = [f"Limits: {limits}", *(f"note: {note}" for note in configuration.notes), ""]
    for result in results:
        lines += _rows(result)
    return "\n".join([*lines, "", f"{_passed(results)}/{len(results)} passed in {seconds:.1f} s"])


def document(results: Sequence[Result], configuration: Configuration, seconds: float) -> str:
    rows = [
        {
            "id": result.scenario.id,
            "title": result.scenario.title,
            "passed": result.passed,
            "seconds": round(result.seconds, 3),
            "seen": result.seen,
            "expected": result.expected,
            "came": result.came,
        }
        for result in results
    ]
    whole = {
        "passed": _passed(results),
        "total": len(results),
        "seconds": round(seconds, 3),
        "limits": configuration.limits,
        "notes": configuration.notes,
        "scenarios": rows,
    }
    return json.dumps(whole, indent=2)


def _rows(result: Result) -> list[str]:
    scenario = result.scenario
    head = f"{scenario.id}  {scenario.title:<26}{'pass' if result.passed else 'FAIL'}  {result.seconds:6.2f} s"
    if result.passed:
        return [f"{head}  {result.seen}"]
    return [head, f"     expected: {result.expected}", f"     came:     {result.came}"]


def _passed(results: Sequence[Result]) -> int:
    return sum(result.passed for result in results)
