"""What a chute refuses before the SDK sees it, and what it turns into JSON. Called by `GatewayChute.__call__`.

Why: `chutes run --dev` serves the runtime's own routes (`/_procs` shows environments, `/_slurp` reads files,
`/_connectivity` fetches URLs) to anybody on every address, its server accepts requests with two lengths, and its
middleware answers 500 to any body that is not JSON (reliability findings 1 and 6).
"""

from collections.abc import Collection
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import orjson

from gateway.api.bodies import replay
from gateway.chute.asgi import Headers, Receive, Scope, read_body, with_body
from gateway.errors import GatewayError, InvalidJSON, InvalidRequest, NotFound
from gateway.openai_api.data_url import data_url
from gateway.openai_api.forms import parse_multipart

MAX_BODY = 128 * 2**20
"""The platform's own limit for a body."""


class TwoLengths(InvalidRequest):
    """Content-Length and Transfer-Encoding in one request: the start of request smuggling. Close the connection."""


class RemoteClient(GatewayError):
    status, type, code = 403, "permission_error", "remote_client"


def refuse_two_lengths(headers: Headers) -> None:
    names = [name.lower() for name, _ in headers]
    if names.count(b"content-length") + names.count(b"transfer-encoding") > 1:
        raise TwoLengths("A request has either one Content-Length or one Transfer-Encoding.")


def refuse_runtime_routes(path: str) -> None:
    if path.startswith("/_"):
        raise NotFound("There is no such path.")


def refuse_strangers(scope: Scope) -> None:
    """Lets pass only this machine's own programs: no other address, no web page (which could call loopback from a
    browser), no host name that was made to point here."""
    if not is_loopback(scope):
        raise RemoteClient("Under --dev only this machine may call; set CHUTE_DEV_ALLOW_REMOTE=1 to open it.")
    for name, value in scope["headers"]:
        if name.lower() in (b"host", b"origin") and not _names_this_machine(name.lower(), value.decode("latin-1")):
            raise RemoteClient(f"Under --dev the {name.decode()} header must name this machine.")


def is_local_program(scope: Scope) -> bool:
    try:
        refuse_strangers(scope)
    except RemoteClient:
        return False
    return True


def is_loopback(scope: Scope) -> bool:
    """A unix socket has no client address and counts as this machine."""
    client = scope.get("client")
    return client is None or _loopback_address(client[0])


async def as_json(scope: Scope, receive: Receive, cord_paths: Collection[str]) -> tuple[Scope, Receive]:
    """A POST to a cord, with its body in the one form that the SDK's `--dev` middleware can read.

    Multipart becomes base64 fields; what is no JSON is refused here. Raises GatewayError and ClientGone.
    """
    if scope["method"] != "POST" or scope["path"] not in cord_paths:
        return scope, receive
    content_type = next((value for name, value in scope["headers"] if name.lower() == b"content-type"), b"")
    body = await read_body(receive, MAX_BODY)
    if content_type.lower().startswith(b"multipart/"):
        normal = orjson.dumps(_form_as_json(content_type.decode("latin-1"), body))
    else:
        normal = _normal(body)
    return {**scope, "headers": with_body(scope["headers"], normal)}, replay(normal, receive)


def _form_as_json(content_type: str, body: bytes) -> dict[str, Any]:
    form = parse_multipart(content_type, body, max_file_bytes=MAX_BODY)
    if len(form.files) > 1:
        raise InvalidRequest("Through the chute send one file per request.", code="invalid_multipart_data")
    fields: dict[str, Any] = dict(form.fields)
    for file in form.files:
        fields["file_b64"] = data_url(file.media_type, file.data)
        fields["file_name"] = file.filename
    return fields


def _normal(body: bytes) -> bytes:
    """The same JSON in a spelling that every parser reads alike."""
    try:
        return orjson.dumps(orjson.loads(body))
    except (orjson.JSONDecodeError, TypeError, RecursionError):
        raise InvalidJSON("The body is not a JSON object." if body.strip() else "The body is empty.") from None


def _names_this_machine(header: bytes, value: str) -> bool:
    try:
        host = urlsplit(f"//{value}" if header == b"host" else value).hostname or ""
    except ValueError:
        return False
    return host == "localhost" or _loopback_address(host)


def _loopback_address(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
