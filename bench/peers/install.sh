#!/usr/bin/env bash
# Puts the peers into folders of their own in build/bench/peers: install.sh [PYTHON].
# One that cannot be had is named and left out.
set -u -o pipefail
python=$(realpath -s "$(command -v "${1:-python3}")")
cd "$(dirname "$0")"
build=../../build/bench/peers
export PIP_DISABLE_PIP_VERSION_CHECK=1
mkdir -p "$build"

failed() { echo "bench: $1 could not be installed; going on without it (see build/bench/peers/$1.log)" >&2; }

from_pip() { # NAME
  local name=$1 venv="$build/$1"
  cmp -s "$name.txt" "$venv/installed.txt" && return
  { rm -rf "$venv" && "$python" -m venv "$venv" && "$venv/bin/pip" install -q -r "$name.txt" &&
    cp "$name.txt" "$venv/installed.txt"; } >"$build/$name.log" 2>&1 || { rm -rf "$venv"; failed "$name"; }
}

nginx_from_apt() { # Debian offers the newest revision only: which one it was is kept and told with the results
  local place="$build/nginx"
  [ -f "$place/installed.txt" ] && return
  { rm -rf "$place" && mkdir -p "$place" && (cd "$place" && { apt-get download nginx || { apt-get update && apt-get download nginx; }; }) &&
    dpkg -x "$place"/nginx_*.deb "$place" &&
    dpkg-deb -W --showformat='${Package}=${Version}\n' "$place"/nginx_*.deb >"$place/installed.txt"; } >"$build/nginx.log" 2>&1 ||
    failed nginx
}

nginx_from_apt
from_pip litellm
from_pip sglang-router
from_pip tensorzero
command -v node >/dev/null || echo "bench: no node here; going on without the Node proxy" >&2
