"""Durations as people write them: `90s`, `15m`, `12h`, `30d`."""

import argparse

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds(text: str) -> float:
    """For argparse. A bare number is in seconds."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        found = float(number) * _UNITS[unit]
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e10:
        raise argparse.ArgumentTypeError(f"'{text}' is not a duration such as 90s, 15m, 12h or 30d")
    return found
