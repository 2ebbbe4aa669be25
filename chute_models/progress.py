"""What an engine's output tells about its start: phase, percent and the reason of a failure."""

import json
import re
import time

MARK = "@@engine "
"""Our own servers print this and a JSON object: `{"phase": ..., "percent": ...}` or `{"error": ...}`."""

_SHARDS = re.compile(r"(?:Loading (?:safetensors|weights|checkpoint)[^:]*:|Loading weights:)\s+(\d+)%")
_DOWNLOAD = re.compile(r"(?:Fetching \d+ files|Downloading[^:]*|[\w.-]+\.(?:safetensors|json|bin|txt)):\s+(\d+)%")
_WARMING = re.compile(r"(?i)warming up|capturing cuda graphs?|profil\w+ .*run|compil(?:ing|ed) .*graph|init engine")
_LOADING = re.compile(r"(?i)starting to load model|loading model|load(?:ing)? weights")
_ERROR = re.compile(
    r"((?:[\w.]*(?:ValueError|ValidationError|OutOfMemoryError|ModuleNotFoundError|ImportError|OSError"
    r"|RuntimeError|FileNotFoundError|PermissionError|ConnectionError|NotFoundError|AssertionError|KeyError|TypeError)"
    r"|error)): +(.+)$"
)
_SECRET = re.compile(r"(?i)\b(sk|hf|cpk|gsk|gw)[-_][A-Za-z0-9_.-]{8,}|bearer +\S+|://[^/\s:@]+:[^/\s@]+@")
_VAGUE = re.compile(r"(?i)engine core initialization failed|see root cause above|see stack trace")
MAX_ERROR = 300


def clean(text: str) -> str:
    """One line, bounded, without anything that looks like a key."""
    return _SECRET.sub("[hidden]", " ".join(text.split()))[:MAX_ERROR]


class Progress:
    """Fed line by line by the thread that reads the engine's output; read by the supervisor."""

    def __init__(self) -> None:
        self.phase = "loading"
        self.percent: float | None = None
        self.error: str | None = None
        self.last_line = time.monotonic()

    def feed(self, line: str) -> None:
        self.last_line = time.monotonic()
        if line.startswith(MARK):
            self._own(line[len(MARK) :])
            return
        if found := _SHARDS.search(line):
            self._set("loading", float(found[1]))
        elif found := _DOWNLOAD.search(line):
            self._set("downloading", float(found[1]))
        elif _WARMING.search(line):
            self._set("warming", None)
        elif _LOADING.search(line) and self.phase != "warming":
            self._set("loading", None)
        if (failure := _ERROR.search(line)) and not _VAGUE.search(line):
            self.error = clean(f"{failure[1].rpartition('.')[2]}: {failure[2]}")

    def _own(self, text: str) -> None:
        try:
            report = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(report, dict):
            return
        if "error" in report:
            self.error = clean(str(report["error"]))
        if "phase" in report:
            self._set(str(report["phase"]), report.get("percent"))

    def _set(self, phase: str, percent: float | None) -> None:
        self.phase, self.percent = phase, percent
