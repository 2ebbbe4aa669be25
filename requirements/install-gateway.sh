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

may_get() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
get() { # PACKAGE ...
  say "installing $*"
  apt-get install -y -qq "$@" >/dev/null || { apt-get update -qq && apt-get install -y -qq "$@" >/dev/null; }
}

make_venv() { "$python" -m venv "$venv" 2>/dev/null; }
if [ ! -x "$venv/bin/pip" ]; then
  say "creating $venv"
  if ! make_venv; then
    may_get || fail "Python cannot create virtual environments here; install the package python3-venv"
    get python3-venv
    make_venv
  fi
fi

# netifaces, which the chutes SDK wants, has no wheels for these versions of Python.
compiled() { ! grep -q '^netifaces==' "${locks[@]}" || "$venv/bin/python" -c 'import netifaces' 2>/dev/null; }
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
can_compile() { command -v gcc >/dev/null && [ -f "$headers/Python.h" ]; }
compiled || can_compile || ! may_get || get gcc python3-dev

say "installing ${locks[*]} into $venv"
"$venv/bin/pip" install -q "$(grep -o '^uv==[^ ]*' requirements/gateway.txt)"
arguments=()
for lock in "${locks[@]}"; do arguments+=(-r "$lock"); done
if ! { "$venv/bin/uv" pip install -q --python "$venv/bin/python" --require-hashes --compile-bytecode "${arguments[@]}" ||
  "$venv/bin/pip" install -q --require-hashes "${arguments[@]}"; }; then
  compiled || can_compile || fail "netifaces could not be compiled; install gcc and the headers of $python (python3-dev)"
  fail "not everything could be installed"
fi
"$venv/bin/pip" install -q --no-deps --no-build-isolation -e .
say "$("$venv/bin/gateway" --version) is installed"
