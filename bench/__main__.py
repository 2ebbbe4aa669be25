"""python -m bench: measures the gateway beside its peers and prints the tables; --write puts them into a page."""

import argparse
import platform
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.alone import Alone, measure_alone
from bench.goals import goals
from bench.report import Facts, results_text
from bench.scenarios import SCENARIOS, build_tools, run_rounds
from bench.targets import ROOT, STARTERS, Target, Unavailable, start_mock

_LONGEST = 3600
_BEGIN, _END = "<!-- results -->", "<!-- /results -->"


def parser() -> argparse.ArgumentParser:
    names = ",".join(scenario.name for scenario in SCENARIOS)
    found = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    found.add_argument("--targets", default=",".join(STARTERS), help=f"of {', '.join(STARTERS)}")
    found.add_argument("--scenarios", default=names, help=f"of {names}")
    found.add_argument("--rounds", type=int, default=5)
    found.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    found.add_argument("--no-alone", action="store_true", help="leave out start, memory, growth and the many streams")
    found.add_argument("--write", type=results_page, help="the page whose results are replaced")
    return found


def results_page(path: str) -> Path:
    """Looked at before minutes are spent on what shall stand there."""
    page = Path(path)
    try:
        text = page.read_text()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {error.strerror}") from None
    if _BEGIN not in text or _END not in text:
        raise argparse.ArgumentTypeError(f"{path} has no lines {_BEGIN} and {_END}")
    return page


def start_all(names: Sequence[str], folder: Path, mock: Target) -> tuple[list[Target], dict[str, str]]:
    """The targets that answer, and why the others do not."""
    running, absent = [mock], {}
    for name in names:
        try:
            target = STARTERS[name](folder, mock.server.port)
        except (Unavailable, OSError) as error:
            absent[name] = str(error)
            continue
        try:
            target.wait()
            running.append(target)
        except Unavailable as error:
            target.server.stop()
            absent[name] = str(error)
    return running, absent


def machine() -> str:
    cores = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = int(re.findall(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[0]) / 2**20
    name = cores[0] if cores else platform.machine()
    system = f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"
    return f"{len(cores)} × {name}, {memory:.0f} GB, {system}"


def commit() -> str:
    """The commit that is measured, and whether the gateway's code here differs from it."""
    revision = _git("rev-parse", "--short", "HEAD") or "unknown"
    return f"{revision} + changes" if _git("status", "--porcelain", "gateway") else revision


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def put_into(page: Path, text: str) -> None:
    """Replaces what stands between the two marks of the page."""
    before, rest = page.read_text().split(_BEGIN, 1)
    page.write_text(f"{before}{_BEGIN}\n{text}{_END}{rest.split(_END, 1)[1]}")


def run(options: argparse.Namespace) -> str:
    build_tools()
    date, revision = datetime.now(UTC).date().isoformat(), commit()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        mock = start_mock(folder, _LONGEST)
        running = [mock]
        try:
            mock.wait(10)
            running, absent = start_all(options.targets.split(","), folder, mock)
            results = run_rounds(running, options.scenarios.split(","), options.rounds, options.seconds, folder)
            stop(running[1:])
            port = mock.server.port
            alone = None if options.no_alone else measure_alone(folder, port, options.rounds)
        finally:
            stop(running)
    versions = {target.name: target.version for target in running}
    facts = Facts(machine(), date, revision, options.rounds, options.seconds, versions, absent)
    return results_text(facts, goals(results, alone or Alone()), results, alone)


def stop(targets: Sequence[Target]) -> None:
    for target in targets:
        target.server.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    text = run(options)
    if options.write:
        put_into(options.write, text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # no servers stay behind, as with Ctrl-C
    raise SystemExit(main())
