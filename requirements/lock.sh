#!/usr/bin/env bash
# Compiles from pyproject.toml, pinned with hashes: gateway.txt (what runs), test.txt (what tests need besides), router.txt
# (what runs without the chute: the container image).
set -eu -o pipefail
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header "$@"; }
compile pyproject.toml --extra chute -o requirements/gateway.txt
compile pyproject.toml --extra chute --extra test -c requirements/gateway.txt -o requirements/test.txt
compile pyproject.toml -c requirements/gateway.txt -o requirements/router.txt
