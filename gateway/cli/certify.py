"""`gateway certify`: tries provider failures on the operator's configuration."""

import argparse
import sys
import time

import uvloop

from gateway.cli.commands import Commands
from gateway.observe import logs
from gateway.settings import LoadedSettings


def declare(commands: Commands) -> None:
    certification = commands.add("certify", _certify, "try 16 provider failures on this configuration")
    certification.add_argument("--only", default="", metavar="IDS", help="some scenarios, such as S01,S08")
    certification.add_argument("--quick", action="store_true", help="shorten the minute of flapping to 15 s")
    certification.add_argument("--json", action="store_true", help="print the results as JSON")


def _certify(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    """Exits with 1 when a scenario fails. The client that it needs is loaded for it alone."""
    from gateway import certify

    logs.configure("error", loaded.settings.log_format)
    scenarios, configuration = certify.chosen(options.only), certify.configuration(loaded)
    if not options.json:
        print(f"Running {len(scenarios)} of {len(certify.SCENARIOS)} scenarios, all at once.\n", flush=True)
    began = time.monotonic()
    results = uvloop.run(certify.run(scenarios, configuration, quick=options.quick))
    report = certify.document if options.json else certify.table
    print(report(results, configuration, time.monotonic() - began))
    if not all(result.passed for result in results):
        sys.exit(1)
