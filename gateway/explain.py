"""`gateway explain`: asks a running gateway where a request would go, and prints it. Called by the CLI."""

import json
import os
from pathlib import Path
from typing import Any

import httpx

from gateway.errors import ConfigError
from gateway.settings import Settings

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Who listens on every address is found on this machine under this one."""


def explain(settings: Settings, model: str, path: str, url: str) -> dict[str, Any]:
    """The answer of `POST /v1/route/explain`. Raises ConfigError with what the gateway, or the connection, said.

    `url` is a gateway's address, or its base URL as clients have it; empty: the one of these settings.
    """
    host = _LOOPBACK.get(settings.host, settings.host)
    own = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    address = url.rstrip("/").removesuffix("/v1") or own
    key = _key(settings, another=bool(url))
    try:
        reply = httpx.post(
            f"{address}/v1/route/explain",
            json={"model": model, "path": path},
            headers={"authorization": f"Bearer {key}"} if key else {},
            trust_env=False,
        )
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise ConfigError(f"no gateway answers at {address} ({error}); start it, or name another with --url") from None
    if reply.status_code == httpx.codes.UNAUTHORIZED:
        raise ConfigError(
            f"{address} refused the key (it is taken from MASTER_API_KEY, else from {_file(settings).absolute()},"
            " else from GATEWAY_KEY, which comes first with --url)"
        )
    return _answer(reply, address)


def _answer(reply: httpx.Response, address: str) -> dict[str, Any]:
    try:
        body: dict[str, Any] = reply.json()
        said = "" if reply.status_code == httpx.codes.OK and "candidates" in body else body["error"]["message"]
    except (ValueError, LookupError, TypeError):
        status = reply.status_code
        raise ConfigError(f"what answers at {address} is no gateway (status {status}); name one with --url") from None
    if said:
        raise ConfigError(said)
    return body


def _key(settings: Settings, another: bool) -> str:
    """That of these settings, and of `another` gateway the one that its callers have."""
    given = os.environ.get("GATEWAY_KEY", "")
    if another and given:
        return given
    if settings.master_api_key:
        return settings.master_api_key.get_secret_value()
    try:
        return _file(settings).read_text().strip()
    except OSError:
        return given


def _file(settings: Settings) -> Path:
    return settings.state_dir / "master_key"


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
