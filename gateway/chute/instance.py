"""Runs one chute as an instance of the emulated platform: the SDK's own loader, start and middleware, without dev mode.

Started by `gateway.platform.fleet` as `python -P instance.py`; imports nothing of the gateway, so that what the image
lacks is missing here too. Three things stand in for what only the platform has: the encryption is left out (what
remains is base64 of gzip), the launch token is unsigned, and callers have an address outside this machine, because the
SDK lets 127.0.0.1 past its authentication. Everything else is the SDK 0.6.9 as `chutes run` assembles it.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import chutes.entrypoint.run as runtime
from chutes.chute import ChutePack
from chutes.chute.cord import init_user_code_executor
from chutes.entrypoint._shared import load_chute, miner
from hypercorn.asyncio import serve
from hypercorn.config import Config
from substrateinterface import Keypair, KeypairType

OUTSIDE = ("192.0.2.1", 40000)
"""The address that calls seem to come from (TEST-NET-1)."""

Scope = MutableMapping[str, Any]
App = Callable[..., Awaitable[None]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="instance")
    parser.add_argument("reference", help="module:chute")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--miner", required=True, help="hotkey address of the one who runs the instance")
    parser.add_argument("--validator", required=True, help="hotkey address of the platform, which signs the calls")
    options = parser.parse_args()
    hide_checkouts()
    leave_out_encryption()
    know_the_callers(options.miner, options.validator)
    sys.argv[:] = ["chutes", "run", options.reference, "--port", str(options.port)]  # what entry files may look at
    asyncio.run(run(options.reference, options.port))


def hide_checkouts() -> None:
    """A checkout that is installed here as editable would stand in for what the image lacks."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in str(finder)]


def leave_out_encryption() -> None:
    """The shared library that encrypts refuses to load outside the platform's own containers."""
    runtime.aegis_encrypt = bytes
    runtime.aegis_decrypt = bytes


def know_the_callers(miner_address: str, validator_address: str) -> None:
    known = miner()
    known._miner_ss58 = miner_address
    known._validator_ss58 = validator_address
    known._keypair = Keypair(ss58_address=validator_address, crypto_type=KeypairType.SR25519)


async def run(reference: str, port: int) -> None:
    """Load, startup hooks, routes, middleware, server: the order of `chutes run`."""
    _, loaded = load_chute(chute_ref_str=reference, config_path=None, debug=False)
    chute = loaded.chute if isinstance(loaded, ChutePack) else loaded
    await chute.initialize()
    concurrency = max(1, int(chute.concurrency or 1))
    chute.add_middleware(runtime.GraValMiddleware, concurrency=concurrency)
    chute.add_api_route("/_ping", runtime.pong, methods=["POST"])
    chute.add_api_route("/_metrics", runtime.get_metrics, methods=["GET"])
    init_user_code_executor(concurrency)
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.alpn_protocols = ["h2", "http/1.1"]
    config.h2_max_concurrent_streams = max(256, concurrency * 8)
    config.keep_alive_timeout = 75
    config.graceful_timeout = 30
    config.accesslog = None
    await serve(from_outside(chute), config, shutdown_trigger=asyncio.Event().wait)


def from_outside(app: App) -> App:
    async def called(scope: Scope, receive: Any, send: Any) -> None:
        await app({**scope, "client": OUTSIDE} if scope["type"] == "http" else scope, receive, send)

    return called


if __name__ == "__main__":
    main()
