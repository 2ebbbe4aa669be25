"""The management API's smaller parts: accounts, quotas, figures, aliases; and `/_emulator/…`, which only we have."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.errors import InvalidRequest
from gateway.platform import rules, spending
from gateway.platform.calls import read_object
from gateway.platform.faults import Fault
from gateway.platform.fleet import Fleet
from gateway.platform.hosts import utilization
from gateway.platform.identity import Refused, caller
from gateway.platform.signatures import digest, verify
from gateway.platform.stand_ins import Figures, StandIns
from gateway.platform.world import Account, World

_SETTABLE = {"balance", "quotas", "used", "deployed_at", "four_hour_usage", "monthly_usage"}


class Management:
    def __init__(self, world: World, stand_ins: StandIns, fleet: Fleet) -> None:
        self._world = world
        self._stand_ins = stand_ins
        self._fleet = fleet

    def routes(self) -> list[Route]:
        return [
            Route("/ping", self.ping),
            Route("/users/register", self.register, methods=["POST"]),
            Route("/users/me", self.me),
            Route("/users/me/quotas", self.quotas),
            Route("/users/me/quota_usage/{chute}", self.quota_usage),
            Route("/users/me/subscription_usage", self.subscription),
            Route("/chutes/utilization", self.utilization),
            Route("/invocations/stats/llm", self.stats),
            Route("/pricing", self.pricing),
            Route("/model_aliases/", self.aliases),
            Route("/model_aliases/", self.create_alias, methods=["POST"]),
            Route("/model_aliases/{alias}", self.delete_alias, methods=["DELETE"]),
            Route("/_emulator/faults", self.faults),
            Route("/_emulator/faults", self.add_fault, methods=["POST"]),
            Route("/_emulator/faults", self.clear_faults, methods=["DELETE"]),
            Route("/_emulator/account", self.set_account, methods=["POST"]),
            Route("/_emulator/chute", self.set_chute, methods=["POST"]),
        ]

    async def ping(self, request: Request) -> Response:
        return JSONResponse({"message": "pong"})

    async def register(self, request: Request) -> Response:
        """Signed with the new hotkey; names are unique."""
        body, headers = await request.body(), request.headers
        address, nonce = headers.get("x-chutes-hotkey", ""), headers.get("x-chutes-nonce", "")
        if not verify(address, nonce, digest(body), headers.get("x-chutes-signature", "")):
            raise Refused(401, f"Invalid signature for hotkey {address}.")
        name = str((await read_object(request)).get("username"))
        if not name.replace("_", "").isalnum() or not 3 <= len(name) <= 15:
            raise Refused(400, f"Invalid username: {name}")
        if self._world.account_named(name):
            raise Refused(409, f"Username {name} already exists, sorry! Please choose another.")
        account = self._world.add_account(name, address, f"cpk_{uuid4().hex}")
        shown = {"user_id": account.user_id, "username": name, "fingerprint": uuid4().hex, "payment_address": address}
        return JSONResponse({**shown, "api_key": account.api_key})

    async def me(self, request: Request) -> Response:
        account = await self._caller(request)
        shown = {"user_id": account.user_id, "username": account.username, "hotkey": account.hotkey}
        return JSONResponse({**shown, "balance": account.balance, "permissions_bitmask": 0, "permissions": []})

    async def quotas(self, request: Request) -> Response:
        account = await self._caller(request)
        rows = [{"chute_id": name, "quota": quota, "is_default": name == "*"} for name, quota in account.quotas.items()]
        return JSONResponse(rows)

    async def quota_usage(self, request: Request) -> Response:
        account, name = await self._caller(request), request.path_params["chute"]
        quota = account.quotas.get(name, account.quotas.get("*", 0))
        return JSONResponse({"quota": quota, "used": account.used.get(name, 0)})

    async def subscription(self, request: Request) -> Response:
        return JSONResponse(spending.subscription(await self._caller(request)))

    async def utilization(self, request: Request) -> Response:
        return JSONResponse(utilization(self._world, self._stand_ins))

    async def stats(self, request: Request) -> Response:
        today = datetime.now(UTC).date().isoformat()
        rows = [
            {
                "chute_id": chute_id,
                "name": self._world.chutes[chute_id].name,
                "date": request.query_params.get("end_date", today),
                "total_requests": self._world.chutes[chute_id].invocations,
                "average_tps": figures.tps,
                "average_ttft": figures.ttft,
            }
            for chute_id, figures in self._stand_ins.figures.items()
            if self._world.chutes[chute_id].stand_in == "text"
        ]
        return JSONResponse(rows)

    async def pricing(self, request: Request) -> Response:
        prices = {
            name: {"usd": {"hour": price, "second": price / 3600}, "tao": {"hour": price / 400}}
            for name, (_, price) in rules.GPUS.items()
        }
        return JSONResponse({"tao_usd": 400.0, "gpu_price_estimates": prices})

    async def aliases(self, request: Request) -> Response:
        account = await self._caller(request)
        owned = ((alias, ids) for (user, alias), ids in self._stand_ins.aliases.items() if user == account.user_id)
        return JSONResponse([{"alias": alias, "chute_ids": ids} for alias, ids in owned])

    async def create_alias(self, request: Request) -> Response:
        account, document = await self._caller(request), await read_object(request)
        alias, ids = str(document.get("alias")), [str(one) for one in document.get("chute_ids") or []]
        if not ids or any(one not in self._world.chutes for one in ids):
            raise Refused(400, "chute_ids must name chutes")
        self._stand_ins.aliases[account.user_id, alias] = ids
        return JSONResponse({"alias": alias, "chute_ids": ids})

    async def delete_alias(self, request: Request) -> Response:
        account, alias = await self._caller(request), request.path_params["alias"]
        if self._stand_ins.aliases.pop((account.user_id, alias), None) is None:
            raise Refused(404, "Alias not found")
        return JSONResponse({"alias": alias, "deleted": True})

    async def _caller(self, request: Request) -> Account:
        return await caller(self._world, request, "me")

    # --- what only the emulator has -------------------------------------------------------------------------

    async def faults(self, request: Request) -> Response:
        return JSONResponse(self._world.faults.listed())

    async def add_fault(self, request: Request) -> Response:
        try:
            self._world.faults.add(Fault.of(await request.json()))
        except (InvalidRequest, TypeError, ValueError) as error:
            raise Refused(400, str(error)) from None
        return JSONResponse(self._world.faults.listed())

    async def clear_faults(self, request: Request) -> Response:
        self._world.faults.clear()
        return JSONResponse([])

    async def set_account(self, request: Request) -> Response:
        """`{"username", "balance"?, "quotas"?, "used"?, "deployed_at"?, "four_hour_usage"?, "monthly_usage"?}`"""
        document = await read_object(request)
        account = self._world.account_named(str(document.pop("username", None)))
        if account is None:
            raise Refused(404, "no such account")
        _set(account, document, _SETTABLE)
        return JSONResponse(asdict(account))

    async def set_chute(self, request: Request) -> Response:
        """`{"name", …figures}` of a stand-in; `{"name", "hot": false}` ends the instances of a deployed one."""
        document = await read_object(request)
        name = document.pop("name", None)
        chute = next((one for one in self._world.chutes.values() if name in (one.name, one.slug, one.chute_id)), None)
        if chute is None:
            raise Refused(404, "no such chute")
        if chute.chute_id in self._stand_ins.figures:
            figures = self._stand_ins.figures[chute.chute_id]
            _set(figures, document, set(Figures.__dataclass_fields__))
            return JSONResponse(asdict(figures))
        if document.get("hot") is False:
            self._fleet.cool(chute)
        return JSONResponse({"hot": bool(self._fleet.usable(chute))})


def _set(target: object, document: dict[str, Any], allowed: set[str]) -> None:
    for name, value in document.items():
        if name not in allowed:
            raise Refused(400, f"'{name}' cannot be set; there are {', '.join(sorted(allowed))}")
        setattr(target, name, value)
