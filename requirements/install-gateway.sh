#!/usr/bin/env bash
# Creates a virtual environment with the gateway in it: install-gateway.sh [PYTHON] [VENV] [LOCK ...]
set -eu -o pipefail
cd "$(dirname "$0")/.."
python=${1:-python3} venv=${2:-.venv}
shift $(($# < 2 ? $# : 2))
locks=("${@:-requirements/gateway.txt}")
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '==> %s\n' "$*"; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  { echo "error: Python 3.11 or newer is needed; $python is $("$python" -V 2>&1). Try: make run PYTHON=python3.12" >&2; exit 1; }

make_venv() { "$python" -m venv "$venv" 2>/dev/null; }
if [ ! -x "$venv/bin/pip" ]; then
  say "creating $venv"
  if ! make_venv; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
      { echo "error: Python cannot create virtual environments here; install the package python3-venv" >&2; exit 1; }
    say "installing python3-venv"
    apt-get install -y -qq python3-venv >/dev/null || { apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; }
    make_venv
  fi
fi

say "installing ${locks[*]} into $venv"
"$venv/bin/pip" install -q "$(grep -o '^uv==[^ ]*' requirements/gateway.txt)"
arguments=()
for lock in "${locks[@]}"; do arguments+=(-r "$lock"); done
"$venv/bin/uv" pip install -q --python "$venv/bin/python" --require-hashes --compile-bytecode "${arguments[@]}" ||
  "$venv/bin/pip" install -q --require-hashes "${arguments[@]}"
"$venv/bin/pip" install -q --no-deps --no-build-isolation -e .
say "$("$venv/bin/gateway" --version) is installed"
