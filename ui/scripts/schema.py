"""Writes src/api/schema.json: the OpenAPI document of the gateway, from which the UI's types are made."""

import json
import sys
import tempfile
from pathlib import Path

from gateway.app import create_app
from gateway.settings import Settings


def document() -> str:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings.model_validate({"state_dir": Path(folder), "master_api_key": "sk-schema"}))
        return json.dumps(app.openapi(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document())
