#!/usr/bin/env bash
# Creates a virtual environment with the gateway in it: install-gateway.sh [PYTHON] [VENV] [LOCK ...]
set -eu -o pipefail
cd "$(dirname "$0")/.."
python=${1:-python3} venv=${2:-.venv}
shift $(($# < 2 ? $# : 2))
locks=("${@:-requirements/gateway.txt}")
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

try="Try: make run PYTHON=python3.12"
command -v "$python" >/dev/null || fail "there is no $python. Python 3.11 or newer is needed. $try"
new_enough "$python" || fail "Python 3.11 or newer is needed; $python is $("$python" -V 2>&1). $try"
[ ! -d "$venv/bin" ] || new_enough "$venv/bin/python" ||
  fail "$venv was made with a Python that is gone or older than 3.11. Remove that folder and try again"

make_venv() { "$python" -m venv "$venv" 2>/dev/null; }
if [ ! -x "$venv/bin/pip" ]; then
  say "creating $venv"
  if ! make_venv; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
      fail "Python cannot create virtual environments here; install the package python3-venv"
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
