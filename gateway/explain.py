"""`gateway explain`: asks a running gateway where a request would go, and prints it. Called by the CLI."""

import json
import os
from typing import Any

import httpx

from gateway.errors import ConfigError
from gateway.settings import Settings


def explain(settings: Settings, model: str, path: str, url: str) -> dict[str, Any]:
    """The answer of `POST /v1/route/explain`. Raises ConfigError with what the gateway, or the connection, said."""
    address = url or f"http://{settings.host}:{settings.port}"
    try:
        reply = httpx.post(
            f"{address}/v1/route/explain",
            json={"model": model, "path": path},
            headers={"authorization": f"Bearer {_key(settings)}"},
            trust_env=False,
        )
    except httpx.TransportError as error:
        raise ConfigError(f"no gateway answers at {address} ({error}); start it, or name another with --url") from None
    body: dict[str, Any] = reply.json()
    if reply.status_code != httpx.codes.OK:
        raise ConfigError(body["error"]["message"])
    return body


def _key(settings: Settings) -> str:
    if settings.master_api_key:
        return settings.master_api_key.get_secret_value()
    file = settings.state_dir / "master_key"
    return file.read_text().strip() if file.exists() else os.environ.get("GATEWAY_API_KEY", "")


def table(found: dict[str, Any]) -> str:
    """For people: one line a candidate, best first."""
    lines = [f"{found['model']} is the route {found['route']}, policy {found['policy']}"]
    if rule := found.get("confidentiality"):
        demanded = {"tee: required": rule["tee"], "data: local-only": rule["local_only"]}
        lines += [f"{name}, by {' and '.join(by)}" for name, by in demanded.items() if by]
    lines.append("")
    lines.append(f"{'':>3} {'target':<48} {'prio':>4} {'weight':>6} {'flight':>6} {'latency':>8} {'tok/s':>6}  why")
    for one in found["candidates"]:
        lines.append(
            f"{one['rank'] or '-':>3} {one['provider'] + '/' + one['model']:<48} {one['priority']:>4}"
            f" {one['weight']:>6g} {one['in_flight']:>6} {_figure(one['latency'], 's'):>8} {_figure(one['speed']):>6}"
            f"  {one['reason']}"
        )
    return "\n".join(lines)


def document(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2)


def _figure(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:.2f}{unit}"
