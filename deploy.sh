#!/usr/bin/env bash
# Builds the image, deploys the chute, sends its secrets, warms it up and calls it. Changes nothing where nothing changed.
set -eu -o pipefail
cd "$(dirname "$0")"

usage() {
  cat <<TEXT
usage: ./deploy.sh [--dry-run] [--accept-fee] [--rebuild] [--no-wait]
       ./deploy.sh --status | --logs | --secrets | --share USER | --unshare USER | --delete
  --dry-run     check everything and show what would be sent; send nothing
  --accept-fee  accept the platform's one-time fee for a new deployment
  --rebuild     delete an image that failed and build it again
  --no-wait     do not wait until an instance is up, and do not call it
  --status      what is deployed, where, and how many instances
  --logs        the log of the first instance; on a terminal until Ctrl-C
  --secrets     send the secrets again, after one of them changed
  --share USER  let another user of the platform call it (--unshare USER takes it back)
  --delete      delete the chute; the image stays
Settings: the chute block of gateway.yaml, or CHUTE_NAME, CHUTE_IMAGE ... (docs/chute.md)
TEXT
}

wrong() {
  echo "error: $1" >&2
  usage >&2
  exit 2
}

choose() {
  [ "$action" = deploy ] || wrong "--$action and $1 do not go together"
  action=${1#--}
}

action=deploy user="" fee=() rebuild=0 wait=1
while [ $# -gt 0 ]; do
  case $1 in
    --dry-run | --status | --logs | --secrets | --delete) choose "$1" ;;
    --share | --unshare)
      choose "$1"
      case ${2:-} in "" | -*) wrong "$1 needs a user" ;; esac
      user=$2
      shift
      ;;
    --accept-fee) fee=(--accept-fee) ;;
    --rebuild) rebuild=1 ;;
    --no-wait) wait=0 ;;
    -h | --help) usage; exit 0 ;;
    *) wrong "there is no option $1" ;;
  esac
  shift
done

python=$(command -v "${PYTHON:-.venv/bin/python}") || python=${PYTHON:-$(command -v python3)}
if ! "$python" -c 'import chutes, pydantic, yaml' 2>/dev/null; then
  echo "error: $python has not what a deployment needs: run \`make install\` here, or set PYTHON" >&2
  exit 1
fi
export CHUTES_ALLOW_MISSING=false
unset CHUTES_EXECUTION_CONTEXT CHUTES_DEV_MODE
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say() { printf '==> %s\n' "$*"; }
platform() { "$python" -m gateway.chute.deployment "$@"; }
step() {
  local found # a failure inside of say "$(...)" would pass
  found=$(platform "${@:2}")
  say "$1$found"
}

# The command line asks y/n on its input, and ends with 0 on most errors: what it printed decides.
chutes_cli() {
  local answers=$1 status=0
  shift
  { printf '%b' "$answers"; yes y 2>/dev/null || true; } | "$CLI" "$@" 2>&1 | tee "$log" || status=$?
  [ "$status" = 0 ] || refused "chutes $1 ended with $status"
}
printed() { grep -q "$1" "$log"; }
refused() {
  printf 'error: %s; the words of the platform are above\n' "$1" >&2
  platform explain "$log" 2>&1 | sed -n 's/^error: /what to do: /p' >&2 || true
  exit 1
}

say "checking"
if [ "$action" = dry-run ]; then
  "$python" -m gateway.chute.preflight --plan
  say "nothing was sent"
  exit 0
fi
what=--shell
case $action in status | logs | delete | share | unshare) what=--name ;; esac
variables=$("$python" -m gateway.chute.preflight $what)
eval "$variables"
if [ "$action" != deploy ]; then
  platform "$action" "$NAME" ${user:+"$user"}
  exit 0
fi

found=$(platform look "$NAME" "$IMAGE_UID")
{ read -r account; read -r deployed; read -r image; read -r url || true; } <<<"$found"
say "$account"
if [ "$deployed" = same ]; then
  say "nothing changed: $NAME runs $IMAGE at $url"
  exit 0
fi

go_on="./deploy.sh goes on from there"
trap 'printf "\nstopped: what was sent stays; %s\n" "$go_on" >&2; exit 130' INT
if [ "$rebuild" = 1 ] && [ "$image" != missing ] && [ "$image" != "built and pushed" ]; then
  step "" delete-image "$IMAGE_UID"
  image=missing
fi
if [ "$image" = missing ]; then
  say "building $IMAGE"
  find gateway chute_models images -name __pycache__ -type d -prune -exec rm -rf {} + # what is there is uploaded
  PYTHONDONTWRITEBYTECODE=1 chutes_cli 'n\n' build chute_gateway:chute
  printed "Uploaded image package" || printed "already exists" || refused "the image was not accepted"
fi
[ "$image" = "built and pushed" ] || step "image $IMAGE is " wait "$IMAGE_UID"

go_on="./deploy.sh --status says whether it is deployed, then ./deploy.sh --secrets sends its secrets"
say "deploying $NAME"
chutes_cli '' deploy chute_gateway:chute ${fee[@]+"${fee[@]}"}
if ! printed "Successfully deployed chute"; then
  printed "already exists" && [ "$(platform deployed "$NAME" "$IMAGE_UID")" = same ] || refused "the chute was not deployed"
fi
if ! platform secrets "$NAME" >"$log"; then
  echo "the chute is deployed, but not all of its secrets are: run ./deploy.sh --secrets, then ./deploy.sh --status" >&2
  exit 1
fi
say "$(cat "$log")"
go_on="the chute is deployed: ./deploy.sh --status"
[ -n "$url" ] || url=$(platform url "$NAME")
if [ "$wait" = 1 ]; then
  say "waiting for an instance"
  step "" warmup "$NAME" "${CHUTE_WARM_SECONDS:-1800}"
  step "calling it: " smoke "$NAME" 60
fi
say "deployed at $url"
echo "OpenAI clients:  base URL $url/v1, API key \$CHUTES_API_KEY (docs/chute.md)"
echo "its models:      curl $url/v1/models -H \"Authorization: Bearer \$CHUTES_API_KEY\""
