"""The hosts that answer models: `llm.chutes.ai` and one `{slug}.chutes.ai` for every chute."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.platform import answers, spending
from gateway.platform.calls import Calls, cord_for, read_object
from gateway.platform.identity import Refused, by_key
from gateway.platform.stand_ins import MODELS, OWNER, Model, StandIns, listed
from gateway.platform.world import Account, Chute, World, chute_id_of

THINKING = ":THINKING"
_ORDERS = (":latency", ":throughput")
_BY_NAME = {model.name: model for model in MODELS}


@dataclass(slots=True)
class Hosts:
    world: World
    stand_ins: StandIns
    calls: Calls

    async def llm(self, request: Request) -> Response:
        """Raises Refused. The model list is public and proves nothing about a key."""
        path = request.url.path
        if path == "/v1/models" and request.method == "GET":
            data = [listed(model) for model in MODELS if self.stand_ins.figures[_id(model)].hot]
            return JSONResponse({"object": "list", "data": data})
        account = self._account(request)
        if path not in ("/v1/chat/completions", "/v1/completions") or request.method != "POST":
            raise Refused(404, "Not Found")
        body = await read_object(request)
        name = body.get("model")
        if not isinstance(name, str):
            raise Refused(400, "No model specified")
        return self._first(self._targets(name, account), account, request, body)

    def _first(self, models: list[Model], account: Account, request: Request, body: dict[str, Any]) -> Response:
        """The first that can answer, in order; the last refusal where none can."""
        refusal = Refused(429, "No infrastructure available to serve request")
        for model in models:
            try:
                return self._text(model, account, request, body)
            except Refused as error:
                if error.status not in (429, 503):
                    raise
                refusal = error
        raise refusal

    def _targets(self, name: str, account: Account) -> list[Model]:
        """`a,b,c`, a suffix, an alias, `default`, a chute id, `:THINKING`. Raises Refused(404)."""
        plain = name.removesuffix(THINKING)
        order = next((suffix for suffix in _ORDERS if plain.endswith(suffix)), "")
        plain = plain.removesuffix(order)
        names = self.stand_ins.aliases.get((account.user_id, plain)) or plain.split(",")
        if plain == "default":
            names = [model.name for model in MODELS]
        found = [self._model(part.strip()) for part in names]
        if order:
            figures = self.stand_ins.figures
            key = (lambda m: figures[_id(m)].ttft) if order == ":latency" else (lambda m: -figures[_id(m)].tps)
            found.sort(key=key)
        return found

    def _model(self, name: str) -> Model:
        chute = self.world.chutes.get(name)
        model = _BY_NAME.get(chute.name if chute else name.removesuffix(THINKING))
        if model is None:
            raise Refused(404, f"model not found: {name}")
        return model

    def _text(self, model: Model, account: Account, request: Request, body: dict[str, Any]) -> Response:
        chute = self.world.chutes[_id(model)]
        headers = self._admitted(chute, account)
        wished = request.headers.get("x-enable-thinking", "").lower() == "true" or THINKING in str(body.get("model"))
        if request.url.path == "/v1/completions":
            reply = answers.completion(model.name, body)
        else:
            reply = answers.chat(model.name, body, thinks=model.thinks and wished)
        reply.headers.update(headers)
        return reply

    def _admitted(self, chute: Chute, account: Account) -> dict[str, str]:
        """Raises Refused: maintenance and overload 429, cold 503, quota and balance 402."""
        figures = self.stand_ins.figures[chute.chute_id]
        if figures.maintenance:
            raise Refused(429, f"{chute.name} is under maintenance, try again later.")
        if not figures.hot:
            raise Refused(503, f"No instances available (yet) for chute_id='{chute.chute_id}'")
        if figures.utilization >= 1.0:
            raise Refused(429, "Infrastructure is at maximum capacity, try again later")
        headers = spending.take(account, chute, cost=0.001)
        chute.invocations += 1
        return {**headers, "X-Chutes-InvocationID": str(uuid4())}

    async def chute(self, chute: Chute, request: Request) -> Response:
        """Raises Refused."""
        account = self._account(request)
        if not self.world.may_see(chute, account):
            raise Refused(404, "No matching chute found!")
        if chute.stand_in:
            return await self._stand_in(chute, account, request)
        headers = spending.take(account, chute)
        reply = await self.calls.answer(chute, request)
        reply.headers.update(headers)
        return reply

    async def _stand_in(self, chute: Chute, account: Account, request: Request) -> Response:
        cord_for(chute, request.url.path, request.method)
        body = await read_object(request)
        if chute.stand_in == "text":
            return self._text(_BY_NAME[chute.name], account, request, {**body, "model": body.get("model", chute.name)})
        headers = self._admitted(chute, account)
        if chute.stand_in == "vectors":
            reply = answers.embed(chute.name, body)
        else:
            reply = answers.BY_KIND[chute.stand_in](body)
        reply.headers.update(headers)
        return reply

    def _account(self, request: Request) -> Account:
        account = by_key(self.world, request)
        if account is None:
            raise Refused(401, "Please provide an API key")
        return account


def _id(model: Model) -> str:
    return chute_id_of(OWNER, model.name)


def utilization(world: World, stand_ins: StandIns) -> list[dict[str, Any]]:
    """The rows of `GET /chutes/utilization`."""
    rows = []
    for chute_id, one in stand_ins.figures.items():
        shares = {f"utilization_{window}": one.utilization for window in ("current", "5m", "15m", "1h")}
        limited = {f"rate_limit_ratio_{window}": one.rate_limited for window in ("5m", "15m", "1h")}
        count = one.instances if one.hot else 0
        row = {"chute_id": chute_id, "name": world.chutes[chute_id].name, **shares, **limited}
        row |= {"instance_count": count, "active_instance_count": count, "scalable": True}
        rows.append({**row, "avg_busy_ratio": one.utilization, "timestamp": time.time()})
    return rows
