"""`gateway reseal`: seals what the database holds of provider keys with the current SECRET_KEY."""

import argparse

from gateway.admin.administration import Administration
from gateway.cli.commands import Commands
from gateway.cli.offline import ACTOR, administer
from gateway.settings import LoadedSettings


def declare(commands: Commands) -> None:
    commands.add("reseal", _reseal, "seal provider keys with the current SECRET_KEY instead of SECRET_KEY_PREVIOUS")


def _reseal(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    async def work(administration: Administration) -> None:
        count = await administration.reseal(ACTOR)
        print(f"{count} providers are sealed anew; SECRET_KEY_PREVIOUS is not needed any more")

    administer(loaded, work)
