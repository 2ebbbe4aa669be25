"""The words of confidentiality in `gateway.yaml`: what keys and models demand, what providers and targets declare."""

from typing import Literal

from pydantic import Field

from gateway.settings.strict import Strict

TeeRule = Literal["required"]
DataRule = Literal["local-only"]
DataPlace = Literal["local"]


class ConfidentialitySettings(Strict):
    """What every request demands of whoever is asked; keys, models and callers may demand more."""

    tee: TeeRule | None = Field(None, description="`required`: only targets in trusted execution environments.")
    data: DataRule | None = Field(
        None, description="`local-only`: only engines of this gateway, and providers declared as `data: local`."
    )
    max_age_minutes: float = Field(
        60, gt=0, le=1440, description="How old the catalog's word about a chute's environment may be, in minutes."
    )
