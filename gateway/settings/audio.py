"""The shape of the `audio` blocks of `gateway.yaml`: how long recordings are parted and sent."""

from pydantic import Field

from gateway.settings.strict import Strict


class AudioSettings(Strict):
    """How long recordings are parted and sent, for all models that say nothing else."""

    split_seconds: float = Field(
        600, ge=0, description="Recordings longer than this are cut in pieces of at most this; 0: never."
    )
    parallel: int = Field(4, ge=1, le=64, description="Pieces of one recording that are under way at the same time.")
    spread: bool = Field(
        True, description="Send pieces to all targets of the model, the least busy first; else as its policy orders."
    )


class AudioConfig(Strict):
    """Of one model; what is left out is as for all."""

    split_seconds: float | None = Field(None, ge=0)
    parallel: int | None = Field(None, ge=1, le=64)
    spread: bool | None = None
