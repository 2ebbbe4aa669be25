#!/usr/bin/env bash
# Builds the image, deploys the chute, creates its secrets and warms it up. Changes nothing where nothing changed.
set -eu -o pipefail
cd "$(dirname "$0")"

usage() {
  cat <<TEXT
usage: ./deploy.sh [--dry-run] [--accept-fee]
  --dry-run     check everything and show what would be sent; send nothing
  --accept-fee  accept the platform's one-time fee for a new deployment
Settings: the chute block of gateway.yaml, or CHUTE_NAME, CHUTE_IMAGE ... (docs/chute.md)
TEXT
}

dry_run=0 fee=()
for argument in "$@"; do
  case $argument in
    --dry-run) dry_run=1 ;;
    --accept-fee) fee=(--accept-fee) ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

python=${PYTHON:-.venv/bin/python}
[ -x "$python" ] || python=$(command -v python3)
export PYTHONDONTWRITEBYTECODE=1 CHUTES_ALLOW_MISSING=false
unset CHUTES_EXECUTION_CONTEXT CHUTES_DEV_MODE
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say() { printf '==> %s\n' "$*"; }
stop() { printf 'error: %s\n' "$*" >&2; exit 1; }
platform() { "$python" -m gateway.chute.deployment "$@"; }

# The command line asks y/n on its input, and ends with 0 on most errors: what it printed decides.
chutes_cli() {
  local status=0
  { yes y || true; } | "$CLI" "$@" 2>&1 | tee "$log" || status=$?
  [ "$status" = 0 ] || stop "chutes $1 ended with $status"
}
printed() { grep -q "$1" "$log"; }

say "checking"
if [ "$dry_run" = 1 ]; then
  "$python" -m gateway.chute.preflight --plan
  say "nothing was sent"
  exit 0
fi
"$python" -m gateway.chute.preflight
find gateway chute_models images -name __pycache__ -type d -prune -exec rm -rf {} + # they would be uploaded
eval "$("$python" -m gateway.chute.preflight --shell)"

status=$(platform image "$IMAGE_UID")
if [ "$status" = missing ]; then
  say "building $IMAGE"
  chutes_cli build chute_gateway:chute --wait
  printed "Uploaded image package" || printed "already exists" || stop "the image was not accepted; see above"
fi
status=$(platform wait "$IMAGE_UID")
say "image $IMAGE is $status"

say "deploying $NAME"
chutes_cli deploy chute_gateway:chute "${fee[@]}"
if printed "Successfully deployed chute"; then
  platform secrets "$NAME"
elif printed "already exists"; then
  say "this version is deployed already"
else
  [ ${#fee[@]} = 1 ] || echo "hint: a new deployment needs ./deploy.sh --accept-fee" >&2
  stop "the chute was not deployed; see above"
fi

say "warming up"
platform warmup "$NAME"
url=$(platform url "$NAME")
say "deployed at $url"
echo "try it:  curl $url/health -H \"Authorization: Bearer \$CHUTES_API_KEY\""
