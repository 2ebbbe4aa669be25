"""One call of a chute, from the caller and back: cord choice, payload, status mapping, failures.

Source: platform-contract §1 (facts 1–5) and §2. Called by the chute hosts.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from gateway.platform.fleet import Fleet, Instance
from gateway.platform.identity import Refused
from gateway.platform.sealing import Unreadable, open_line, open_whole, seal, seal_path
from gateway.platform.world import Chute, CordSpec

MAX_BODY = 128 * 2**20
ATTEMPTS = 3
_EDGE_SECONDS = 600.0


class Retry(Exception):
    """Another instance may answer; `refusal` is what the caller gets if none does."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__()
        self.refusal = refusal


class Calls:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._closing: set[asyncio.Task[None]] = set()

    async def answer(self, chute: Chute, request: Request) -> Response:
        """Raises Refused."""
        cord = cord_for(chute, request.url.path, request.method)
        body = await read_object(request)
        call = asyncio.ensure_future(self.invoke(chute, cord, body, dict(request.query_params)))
        return await _unless_gone(call, request)

    async def invoke(self, chute: Chute, cord: CordSpec, body: dict[str, Any], params: dict[str, str]) -> Response:
        """Raises Refused; a cold chute begins to start."""
        if not self._fleet.usable(chute):
            self._fleet.warm(chute)
            raise Refused(503, f"No instances available (yet) for chute_id='{chute.chute_id}'")
        chute.invocations += 1
        payload = {"json": body, "params": params} if cord.passthrough else body
        return await self._try(chute, cord, payload, streams=reads_lines(body, params))

    async def _try(self, chute: Chute, cord: CordSpec, payload: Any, *, streams: bool) -> Response:
        refusal = Refused(500, "Unhandled exception")
        for instance in self._fleet.usable(chute)[:ATTEMPTS]:
            try:
                return await self._ask(instance, cord, payload, streams=streams)
            except Retry as again:
                refusal = again.refusal
        raise refusal

    async def _ask(self, instance: Instance, cord: CordSpec, payload: Any, *, streams: bool) -> Response:
        body = seal(payload)
        url = instance.url + seal_path(cord.path)
        call = instance.client.build_request("POST", url, content=body, headers=self._fleet.headers(body))
        instance.in_flight += 1
        handed_over = False
        try:
            async with asyncio.timeout(_EDGE_SECONDS):
                reply = await instance.client.send(call, stream=True)
            try:
                self._check(instance, reply, b"" if reply.status_code == 200 else await reply.aread())
                if streams:
                    handed_over = True
                    return await self._streamed(instance, reply)
                opened = open_whole(await reply.aread())
            finally:
                if not handed_over:
                    self._close(reply)
        except Unreadable as error:
            self._fleet.failed(instance)
            raise Refused(500, f"The instance's answer {error}.") from None
        except (httpx.HTTPError, TimeoutError):
            self._fleet.failed(instance)
            raise Retry(Refused(502, "The instance could not be reached.")) from None
        finally:
            if not handed_over:
                self._left(instance)
        self._fleet.succeeded(instance)
        return Response(opened.body, 200, media_type=opened.media_type, headers=_added())

    def _left(self, instance: Instance) -> None:
        instance.in_flight -= 1
        instance.last_call = time.monotonic()

    def _check(self, instance: Instance, reply: httpx.Response, body: bytes) -> None:
        """Only 200, 400 and 429 survive; everything else is a failure of the instance."""
        status = reply.status_code
        if status == 200:
            return
        if status == 400:
            self._fleet.succeeded(instance)
            raise Refused(400, _detail(body))
        if status == 429:
            raise Retry(Refused(429, "Infrastructure is at maximum capacity, try again later"))
        self._fleet.failed(instance, deadly=status == 426)
        raise Retry(Refused(500, "Unhandled exception encountered while processing your request"))

    async def _streamed(self, instance: Instance, reply: httpx.Response) -> Response:
        """The first line is read before the answer begins, so that what fails at once has a status."""
        lines = reply.aiter_lines()
        try:
            first = open_line((await anext(lines, "")).encode())
        except Unreadable as error:
            await reply.aclose()
            self._fleet.failed(instance)
            self._left(instance)
            raise Refused(500, f"The instance's answer {error}.") from None
        return StreamingResponse(
            self._rest(instance, reply, first, lines), media_type="text/event-stream", headers=_added()
        )

    async def _rest(
        self, instance: Instance, reply: httpx.Response, first: bytes, lines: AsyncIterator[str]
    ) -> AsyncIterator[bytes]:
        """A caller who leaves closes the stream to the instance."""
        try:
            yield first
            async for line in lines:
                if line:
                    yield open_line(line.encode())
            self._fleet.succeeded(instance)
        except (Unreadable, httpx.HTTPError):
            self._fleet.failed(instance)
            yield b'data: {"error": "the instance failed in mid-stream"}\n\n'
        finally:
            self._left(instance)
            self._close(reply)

    def _close(self, reply: httpx.Response) -> None:
        """In a task of its own: awaited here it would end with a caller who has left."""
        task = asyncio.create_task(reply.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _unless_gone(call: "asyncio.Future[Response]", request: Request) -> Response:
    """Until an answer begins its caller may leave; then the instance is told by a closed connection."""
    watch = asyncio.create_task(_disconnected(request))
    try:
        both: set[asyncio.Future[Any]] = {call, watch}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        return await call if call.done() else Response(status_code=499)
    finally:
        watch.cancel()
        call.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def cord_for(chute: Chute, path: str, method: str) -> CordSpec:
    """The first cord whose public path and method match; whether it streams is not compared."""
    for cord in chute.cords:
        if cord.public_path == path and cord.method == method:
            return cord
    raise Refused(404, f"No matching cord found: {path}")


def reads_lines(body: Any, params: dict[str, str]) -> bool:
    """How the platform reads the reply: by the truthiness of `stream` in the body, else in the query."""
    return bool(body["stream"]) if "stream" in body else bool(params.get("stream", False))


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON body, which must be an object; `{}` where there is none."""
    raw = await request.body()
    if len(raw) > MAX_BODY:
        raise Refused(413, "Request body too large")
    if not raw:
        return {}
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refused(400, "Invalid request body: it must be JSON") from None
    if not isinstance(document, dict):
        raise Refused(400, "Invalid request body: it must be a JSON object")
    return document


def _detail(body: bytes) -> str:
    """The instance's `detail` as text: the platform keeps it only as such."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")
    detail = document.get("detail", document) if isinstance(document, dict) else document
    return detail if isinstance(detail, str) else orjson.dumps(detail).decode()


def _added() -> dict[str, str]:
    return {"X-Chutes-InvocationID": str(uuid4())}


def refusal_response(refused: Refused) -> JSONResponse:
    return JSONResponse({"detail": refused.detail}, refused.status, headers=_added())
