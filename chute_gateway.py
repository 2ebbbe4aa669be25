"""The chute: an OpenAI-compatible gateway. `chutes deploy chute_gateway:chute` uploads this file;
`python chute_gateway.py` runs the same thing on this machine."""

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from chutes.chute import NodeSelector
from chutes.util.context import is_remote

import chute_models
import images.gpu
import images.slim
from gateway import __version__
from gateway.chute import account, runner, templates
from gateway.chute.chute import GatewayChute
from gateway.errors import ConfigError
from gateway.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parent
BAKED = ("gateway", "chute_models", "images")
README = """\
# chute-gateway

One OpenAI-compatible address for chat, completions, embeddings, transcription, translation and OCR. Own models run in
this chute; every other model is routed to a chute or provider, with fallback when one fails.

## Features
- Streams and plain answers on the same path, as the official OpenAI clients expect
- Local vLLM engines for chat, embeddings, speech and OCR
- Routing by model name with retries, fallback and load balancing
- Optional gateway keys (`gw_key`) for callers that share one account

## Usage
```python
from openai import OpenAI

client = OpenAI(base_url="https://YOUR-SLUG.chutes.ai/v1", api_key="cpk_...")
print(client.chat.completions.create(model="MODEL", messages=[{"role": "user", "content": "Hello"}]))
```
Audio and images travel as base64 (`file_b64`), since the platform carries JSON only. `GET /v1/models` lists the models.
"""


def _settings() -> Settings:
    try:
        return load_settings(overrides={"port": runner.port(sys.argv)}).settings
    except ConfigError as error:
        sys.exit(f"error: {error.message}")


settings = _settings()
options = settings.chute
username = options.username or account.username()


def _baked() -> tuple[str, ...]:
    return BAKED + tuple(name for name in ("gateway.yaml",) if (ROOT / name).exists())


def _environment() -> dict[str, str]:
    """What the instance must know of these settings: only this file is uploaded, the rest is in the image."""
    engines = settings.engines if isinstance(settings.engines, str) else ",".join(settings.engines)
    return {
        "CHUTE_USERNAME": username,
        "CHUTE_NAME": options.name,
        "CHUTE_CONCURRENCY": str(options.concurrency),
        "CHUTE_REQUIRE_KEY": str(options.require_key).lower(),
        "CHUTE_DRAIN_SECONDS": str(options.drain_seconds),
        "STATE_DIR": "/cache/chute-gateway",
        "ENGINES": "off" if options.image == "slim" else engines,
    }


def content_tag() -> str:
    """The image tag that follows from all that is sent: what is baked, this file and the settings.

    The platform takes a deployment with the same image and code for unchanged, whatever else differs in it.
    """
    lines = [f"{name}={value}" for name, value in sorted(_environment().items())]
    lines.append(options.model_dump_json(exclude={"image_tag", "hourly_price_usd", "dev_allow_remote"}))
    baked = (*_baked(), Path(__file__).name)
    return images.content_tag(ROOT, baked, options.image, options.base_image, *lines)


def _image() -> Any:
    tag = options.image_tag or ("built" if is_remote() else content_tag())
    recipe = images.Recipe(
        username, options.image_name, tag, options.base_image, README, baked=_baked(), environment=_environment()
    )
    with contextlib.chdir(ROOT):  # the SDK looks for what is added in the working directory
        return {"gpu": images.gpu, "slim": images.slim}[options.image].build(recipe)


chute = GatewayChute(
    username=username,
    name=options.name,
    image=_image(),
    settings=settings,
    tagline=options.tagline,
    readme=README,
    node_selector=NodeSelector(
        gpu_count=options.gpu_count,
        min_vram_gb_per_gpu=options.min_vram_gb_per_gpu,
        include=list(options.include) or None,
        exclude=list(options.exclude) or None,
    ),
    concurrency=options.concurrency,
    max_instances=options.max_instances,
    scaling_threshold=options.scaling_threshold,
    shutdown_after_seconds=options.shutdown_after_seconds,
    allow_external_egress=options.allow_external_egress,
    tee=options.tee,
    title="chute-gateway",
    description=options.tagline,
    version=__version__,
)


templates.add_gateway(chute, chute_models.build)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the gateway with its local engines on this machine.")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default 8000)")
    parser.add_argument("--reload", action="store_true", help="start again when a file changes")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    given = parser.parse_args()
    chute.run_local(host=given.host, port=given.port, reload=given.reload, log_level=given.log_level)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
