"""Writes the shapes of the gateway's OpenAPI document to the file that is named: the UI's types are made from them."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import httpx

from gateway.app import create_app
from gateway.settings import Settings


async def document() -> str:
    with tempfile.TemporaryDirectory() as folder:
        values = {"state_dir": Path(folder), "master_api_key": "sk-only-for-the-document-0123456789"}
        app = create_app(Settings.model_validate(values))
        await app.startup()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
            reply = await client.get("/openapi.json")
        await app.shutdown()
    whole = reply.json()
    shapes = {"openapi": whole["openapi"], "info": whole["info"], "paths": {}}
    shapes["components"] = {"schemas": whole["components"]["schemas"]}
    return json.dumps(shapes, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(asyncio.run(document()))
