"""The steps of a deployment that the platform's command line has not, or tells badly. Called by deploy.sh as
`python -m gateway.chute.deployment STEP ARGUMENT…`.

What a step finds goes to stdout; a refusal goes to stderr with the platform's own words and what to do, and ends it
with 1.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from loguru import logger

from gateway.chute import advice, preflight
from gateway.chute.management import Refused, call, chute_path, find, lines, public_url

BUILT = "built and pushed"
BUILD_SECONDS = 3600.0
POLL_SECONDS = 5.0
WARM_POLL_SECONDS = 2.0


def look(name: str, image_uid: str) -> str:
    """Four lines: the account, `missing`, `same` or `other` of what is deployed, the image's status, and the URL."""
    me = call("GET", "/users/me", purpose="me")
    deployed = is_deployed(name, image_uid)
    found = image_status(image_uid)
    where = "" if deployed == "missing" else url(name)
    return "\n".join([f"account {me.get('username')}, balance {_dollars(me.get('balance'))}", deployed, found, where])


def _dollars(balance: Any) -> str:
    return f"${balance:.2f}" if isinstance(balance, int | float) else str(balance)


def image_status(uid: str) -> str:
    """`missing`, `built and pushed`, or the platform's word for what it is doing."""
    image = find(f"/images/{uid}", purpose="images")
    return "missing" if image is None else str(image.get("status"))


def wait_for_image(uid: str) -> str:
    """Shows the log while it builds. Raises Refused with its end when the build failed or takes longer than an hour."""
    until = time.monotonic() + BUILD_SECONDS
    pause = 0.2
    while time.monotonic() < until:
        _show_build(uid)
        status = image_status(uid)
        if status == BUILT:
            return status
        if "error" in status.lower() or "fail" in status.lower() or status == "missing":
            raise Refused(f"the image was not built: {status}\n{_end_of_build(uid)}")
        time.sleep(pause)
        pause = min(POLL_SECONDS, pause * 2)
    raise Refused("the image is not built after an hour")


def _show_build(uid: str) -> None:
    """The stream of a build that is under way; a log that cannot be read is no reason to stop."""
    with suppress(Refused):
        for line in lines(f"/images/{uid}/logs", "images", follow=True):
            if entry := _entry(line):
                sys.stderr.write(f"    {entry}\n")


def _end_of_build(uid: str) -> str:
    try:
        found = [_entry(line) for line in lines(f"/images/{uid}/logs", "images", follow=False)]
    except Refused as refused:
        return refused.words
    return "\n".join([line for line in found if line][-10:])


def _entry(line: str) -> str:
    """The text of one event of a log, or of a line of one that has ended; empty where there is none."""
    if not line.startswith("data: {"):
        return "" if line.startswith("data:") else line.rstrip()
    entry = json.loads(line[6:]).get("log")
    return str(entry.get("log") if isinstance(entry, dict) else entry).rstrip()


def delete_image(uid: str) -> str:
    call("DELETE", f"/images/{uid}", purpose="images")
    return "the image is deleted"


def is_deployed(name: str, image_uid: str) -> str:
    """`missing`, `same` or `other`: whether this image is deployed, whose tag follows from all that is sent."""
    chute = find(chute_path(name))
    if chute is None:
        return "missing"
    return "same" if (chute.get("image") or {}).get("image_id") == image_uid else "other"


def create_secrets(name: str) -> str:
    """Values go in the request, never on a command line where other users of the machine could read them."""
    names = preflight.secret_names(Path.cwd())
    for key in names:
        call("POST", "/secrets/", {"purpose": name, "key": key, "value": os.environ[key]})
    return f"secrets sent: {', '.join(names) or 'none'}"


def warm_up(name: str, seconds: str) -> str:
    """Asks politely until an instance is hot. Raises Refused after `seconds`."""
    until = time.monotonic() + float(seconds)
    path = chute_path(name).replace("/chutes/", "/chutes/warmup/", 1) + "?quick=true"
    pause = 0.2
    while True:
        report = call("GET", path)
        if report.get("status") == "hot":
            return f"hot, {report.get('instance_count', 0)} instances"
        if time.monotonic() > until:
            raise Refused(f"the chute is still {report.get('status')} (not hot) after {seconds} s")
        time.sleep(pause)
        pause = min(WARM_POLL_SECONDS, pause * 2)


def url(name: str) -> str:
    return public_url(call("GET", chute_path(name)))


def smoke_test(name: str, seconds: str) -> str:
    """Calls the chute as its users will. Raises Refused with its answer."""
    key = os.environ.get("CHUTES_API_KEY")
    if not key:
        return "not tried: CHUTES_API_KEY is not set"
    address = url(name)
    health = _asked(f"{address}/health", key, float(seconds))
    models = _asked(f"{address}/v1/models", key, float(seconds))["data"]
    return f"{health.get('status')}, {len(models)} models{_first(models)}"


def _first(models: list[Any]) -> str:
    """A name to begin with. Those of the catalog are listed only a moment after the start."""
    if not models:
        return " listed yet; every model of Chutes by the name chutes/MODEL"
    return f", such as {models[0].get('id')}"


def _asked(address: str, key: str, seconds: float) -> Any:
    """A chute that has just become hot may still answer 503 or 429 for a moment."""
    until = time.monotonic() + seconds
    while True:
        try:
            reply = httpx.get(address, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        except httpx.TransportError as error:
            raise Refused(f"{address}: {error or type(error).__name__}") from None
        if reply.status_code == 200:
            return reply.json()
        if reply.status_code not in (429, 502, 503) or time.monotonic() > until:
            raise Refused(f"GET {address}: {reply.status_code} {reply.text[:2000]}", reply.status_code)
        time.sleep(WARM_POLL_SECONDS)


def status(name: str) -> str:
    chute = call("GET", chute_path(name))
    instances = chute.get("instances") or []
    image = chute.get("image") or {}
    shared = {"name": chute["name"], "version": chute.get("version"), "url": public_url(chute), "hot": chute.get("hot")}
    rows = {
        **shared,
        "image": f"{image.get('name')}:{image.get('tag')}",
        "calls": chute.get("invocation_count"),
        "price": json.dumps(chute.get("current_estimated_price")),
        "instances": len(instances),
    }
    text = [f"{label:<10} {value}" for label, value in rows.items()]
    return "\n".join(text + [f"  {one.get('instance_id')} active={one.get('active')}" for one in instances])


def show_logs(name: str) -> str:
    """Of the first instance; on a terminal it goes on until Ctrl-C."""
    instances = call("GET", chute_path(name)).get("instances") or []
    if not instances:
        raise Refused(f"{name} is cold: it has no instance, so it has no log")
    path = f"/instances/{instances[0]['instance_id']}/logs?backfill=200"
    for line in lines(path, "logs", follow=sys.stdout.isatty()):
        if entry := _entry(line):
            sys.stdout.write(f"{entry}\n")
    return ""


def delete(name: str) -> str:
    chute = call("GET", chute_path(name))
    call("DELETE", f"/chutes/{chute['chute_id']}")
    return f"{name} is deleted; its image stays, so deploying it again builds nothing"


def share(name: str, user: str) -> str:
    return _share("share", name, user)


def unshare(name: str, user: str) -> str:
    return _share("unshare", name, user)


def _share(action: str, name: str, user: str) -> str:
    reply = call("POST", f"/chutes/{action}", {"chute_id_or_name": name, "user_id_or_name": user})
    return str(reply.get("status"))


def explain(path: str) -> str:
    """Raises Refused with what to do about the output of the command line that is in the file."""
    words = Path(path).read_text(errors="replace")
    raise Refused(advice.advise(words) or "see the platform's words above")


STEPS: dict[str, Callable[..., str]] = {
    "look": look,
    "wait": wait_for_image,
    "delete-image": delete_image,
    "deployed": is_deployed,
    "secrets": create_secrets,
    "warmup": warm_up,
    "url": url,
    "smoke": smoke_test,
    "status": status,
    "logs": show_logs,
    "delete": delete,
    "share": share,
    "unshare": unshare,
    "explain": explain,
}


def main(arguments: Sequence[str]) -> int:
    logger.remove()  # the SDK tells every signature
    try:
        sys.stdout.write(f"{STEPS[arguments[0]](*arguments[1:])}\n")
    except Refused as refused:
        sys.stderr.write(f"error: {refused.words}\n")
        if hint := advice.advise(refused.words):
            sys.stderr.write(f"what to do: {hint}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
