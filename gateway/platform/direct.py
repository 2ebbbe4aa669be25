"""`POST /chutes/{id}{path}`: a cord called by the SDK itself, from a program of its owner, as `Cord._local_call` does.

Arguments come as base64 of gzip of pickle. Only plain values are unpickled: a class or function in them is refused. How
the live platform answers such calls now is not known; the shape is the one that the SDK reads.
"""

import base64
import binascii
import gzip
import io
import pickle
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.platform.calls import Calls, read_object
from gateway.platform.identity import Refused, signed
from gateway.platform.world import World


class Direct:
    def __init__(self, world: World, calls: Calls) -> None:
        self._world = world
        self._calls = calls

    def routes(self) -> list[Route]:
        return [Route("/chutes/{chute_id:uuid}/{path:path}", self.call, methods=["POST"])]

    async def call(self, request: Request) -> Response:
        account = await signed(self._world, request, "chutes")
        chute = self._world.chutes.get(str(request.path_params["chute_id"]))
        if chute is None or not self._world.may_see(chute, account):
            raise Refused(404, "Chute not found, or does not belong to you")
        path = f"/{request.path_params['path']}"
        cord = next((cord for cord in chute.cords if cord.path == path), None)
        if cord is None:
            raise Refused(404, f"No matching cord found: {path}")
        reply = await self._calls.invoke(chute, cord, arguments(await read_object(request)), {})
        event = orjson.dumps({"result": _readable(bytes(reply.body))})
        return Response(b"data: " + event + b"\n\n", media_type="text/event-stream")


def arguments(document: dict[str, Any]) -> dict[str, Any]:
    """The one object that a cord takes. Raises Refused."""
    given, named = _plain(document, "args"), _plain(document, "kwargs")
    found = given[0] if isinstance(given, tuple) and len(given) == 1 and not named else named
    if not isinstance(found, dict):
        raise Refused(400, "A cord takes one object, or named values.")
    return found


def _plain(document: dict[str, Any], name: str) -> Any:
    try:
        packed = gzip.decompress(base64.b64decode(document[name], validate=True))
        return _PlainUnpickler(io.BytesIO(packed)).load()
    except (KeyError, TypeError, binascii.Error, OSError, EOFError, pickle.UnpicklingError, ValueError) as error:
        raise Refused(400, f"{name}: cannot be read: {error}") from None


class _PlainUnpickler(pickle.Unpickler):
    """Builds numbers, text and containers; finds no class or function, so nothing can run."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is no plain value")


def _readable(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")
