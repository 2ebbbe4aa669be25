"""What an engine's output tells about its start: phase, percent and the reason of a failure."""

import json
import re
import time

from chute_models.causes import find_cause

MARK = "@@engine "
"""Our own servers print this and a JSON object: `{"phase": ..., "percent": ...}` or `{"error": ...}`."""

_SHARDS = re.compile(r"(?:Loading (?:safetensors|weights|checkpoint)[^:]*:|Loading weights:)\s+(\d+)%")
_DOWNLOAD = re.compile(r"(?:Fetching \d+ files|Downloading[^:]*|[\w.-]+\.(?:safetensors|json|bin|txt)):\s+(\d+)%")
_WARMING = re.compile(r"(?i)warming up|capturing cuda graphs?|profil\w+ .*run|compil(?:ing|ed) .*graph|init engine")
_LOADING = re.compile(r"(?i)starting to load model|loading model|load(?:ing)? weights")
_ERROR = re.compile(r"((?:\w+\.)*[A-Z]\w*(?:Error|Exception)|error): +(.+)$")
_BARE_ERROR = re.compile(r"(?:^|\] )(?:\w+\.)*([A-Z]\w*Error)$")
_SECRET = re.compile(r"(?i)\b(sk|hf|cpk|gsk|gw)[-_][A-Za-z0-9_.-]{8,}|bearer +\S+|://[^/\s:@]+:[^/\s@]+@")
_VALIDATION = re.compile(r"(?:^|\) )\s*Value error, (.+?)(?: \[type=\w+,.*)?$")
"""The line in which pydantic tells what is wrong, after one that only counts."""
_CALM = re.compile(r"(?:\([^)]*\) )?(?:INFO|WARNING|DEBUG)\b")
_VAGUE = re.compile(
    r"(?i)engine core initialization failed|see root cause above|see stack trace"
    r"|\b(?:EOF|BrokenPipe|ConnectionReset|Cancelled|EngineDead|EngineGenerate)Error\b"
)
"""What others say because something else failed."""
MAX_ERROR = 300


def clean(text: str) -> str:
    """One line, bounded, without anything that looks like a key."""
    return _SECRET.sub("[hidden]", " ".join(text.split()))[:MAX_ERROR]


class Progress:
    """Fed line by line by the thread that reads the engine's output; read by the supervisor. `error` is the latest, but
    one whose cause is known is kept; it was said at `error_at` (`time.monotonic()`)."""

    def __init__(self) -> None:
        self.phase = "loading"
        self.percent: float | None = None
        self.error: str | None = None
        self.error_at = 0.0
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
        if "rror" in line or "Exception" in line:
            self._hear_error(line)

    def forget_error(self) -> None:
        """What went wrong so far was not the end."""
        self.error = None

    def _hear_error(self, line: str) -> None:
        if _CALM.match(line) or _VAGUE.search(line):
            return
        if said := _VALIDATION.search(line):
            self._fail(f"ValueError: {said[1]}")
        elif failure := _ERROR.search(line):
            self._fail(f"{failure[1].rpartition('.')[2]}: {failure[2]}")
        elif bare := _BARE_ERROR.search(line):
            self._fail(bare[1])

    def _fail(self, error: str) -> None:
        if self.error is None or not find_cause(self.error) or find_cause(error):
            self.error, self.error_at = clean(error), time.monotonic()

    def _own(self, text: str) -> None:
        try:
            report = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(report, dict):
            return
        if "error" in report:
            self._fail(str(report["error"]))
        if "phase" in report:
            self._set(str(report["phase"]), report.get("percent"))

    def _set(self, phase: str, percent: float | None) -> None:
        self.phase, self.percent = phase, percent
