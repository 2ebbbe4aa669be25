#!/usr/bin/env bash
# Compiles gateway.txt (what runs) and test.txt (what tests need besides) from pyproject.toml, pinned with hashes.
set -eu -o pipefail
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header "$@"; }
compile pyproject.toml --extra chute -o requirements/gateway.txt
compile pyproject.toml --extra chute --extra test -c requirements/gateway.txt -o requirements/test.txt
