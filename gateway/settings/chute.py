"""The block `chute` of the settings: how the gateway is deployed on Chutes. Part of `schema`."""

from typing import Literal

from pydantic import Field

from gateway.settings.strict import Separated, Strict


class ChuteSettings(Strict):
    """How the gateway is deployed as a chute. Defaults follow what the platform allows an ordinary account."""

    username: str = Field("", description="Account on Chutes; empty: the one in the chutes config file.")
    name: str = Field("chute-gateway", description="Name of the chute: lower case, digits, hyphens, at most 63.")
    tagline: str = Field(
        "OpenAI-compatible gateway: own models first, every other model by route.",
        description="One line shown with the chute, under 100 characters.",
    )
    image: Literal["gpu", "slim"] = Field(
        "gpu", description="`gpu` bakes vLLM; `slim` is a pure router without engines."
    )
    image_name: str = Field("chute-gateway", description="Name of the image.")
    image_tag: str = Field("", description="Tag of the image; empty: a hash of what is baked into it.")
    base_image: str = Field("parachutes/python:3.12", description="The platform accepts only `parachutes/*`.")
    gpu_count: int = Field(1, ge=1, le=8, description="GPUs per instance.")
    min_vram_gb_per_gpu: int = Field(80, ge=16, le=140, description="Least memory per GPU, in GB.")
    include: Separated = Field(("pro_6000",), description="GPU types to accept; empty: any.")
    exclude: Separated = Field((), description="GPU types to refuse.")
    hourly_price_usd: float = Field(
        1.80, ge=0, description="Price of one GPU hour, for the cost estimate of deploy.sh."
    )
    tee: bool = Field(True, description="Run in a trusted execution environment; the platform demands it.")
    allow_external_egress: bool = Field(True, description="Outbound network after start; a router needs it.")
    concurrency: int = Field(
        64, ge=1, le=256, description="Requests in flight per instance; a router waits, it does not compute."
    )
    max_instances: int = Field(1, ge=1, le=100, description="Most instances at a time.")
    scaling_threshold: float = Field(
        0.75, gt=0, le=1, description="Share of concurrency in use that starts another instance."
    )
    shutdown_after_seconds: int = Field(
        300, ge=60, le=604_800, description="Idle seconds after which an instance goes."
    )
    require_key: bool = Field(
        False, description="Demand a gateway key (`gw_key`) although the platform knows the caller."
    )
    dev_allow_remote: bool = Field(
        False, description="`chutes run --dev`: also answer clients beyond this machine; they need a key."
    )
    drain_seconds: float = Field(20, ge=0, le=600, description="Seconds that running requests get at SIGTERM.")
