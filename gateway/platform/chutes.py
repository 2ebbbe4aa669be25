"""`/chutes/…`, `/secrets/…` and `/instances/…`: deploy, list, look, delete, share, warm up, secrets, logs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.platform import rules
from gateway.platform.calls import read_object
from gateway.platform.fleet import Fleet, Instance
from gateway.platform.identity import Refused, anyone, caller, signed
from gateway.platform.stand_ins import StandIns
from gateway.platform.world import BUILT, Account, Chute, World, chute_id_of, is_uuid, slug_of

WARM_SECONDS = 600.0
_LOOK = 0.25


class Chutes:
    """`opened` is called with each new chute and gives it a port of its own."""

    def __init__(
        self, world: World, fleet: Fleet, opened: Callable[[Chute], None], closed: Callable[[Chute], None],
        stand_ins: StandIns, *, open_rules: bool,
    ) -> None:  # fmt: skip
        self._world = world
        self._stand_ins = stand_ins
        self._fleet = fleet
        self._opened = opened
        self._closed = closed
        self._open_rules = open_rules

    def routes(self) -> list[Route]:
        return [
            Route("/chutes/", self.deploy, methods=["POST"]),
            Route("/chutes/", self.all, methods=["GET"]),
            Route("/chutes/share", self.share, methods=["POST"]),
            Route("/chutes/unshare", self.unshare, methods=["POST"]),
            Route("/chutes/warmup/{name:path}", self.warmup, methods=["GET"]),
            Route("/chutes/code/{name:path}", self.code, methods=["GET"]),
            Route("/chutes/{name:path}", self.one, methods=["GET"]),
            Route("/chutes/{name:path}", self.delete, methods=["DELETE"]),
            Route("/secrets/", self.create_secret, methods=["POST"]),
            Route("/secrets/", self.secrets, methods=["GET"]),
            Route("/instances/{instance_id}/logs", self.logs, methods=["GET"]),
        ]

    async def deploy(self, request: Request) -> Response:
        """The order of the checks is the platform's: form, image, unchanged, selector, fee."""
        account = await signed(self._world, request, "chutes")
        document: dict[str, Any] = orjson.loads(await request.body())
        rules.check_rate(account, time.time())
        image = self._world.image_named(str(document.get("image")), account)
        if image is None or image.status != BUILT:
            raise Refused(400, "Chute image not found, or does not belong to you")
        chute_id = chute_id_of(account.username, str(document.get("name")))
        existing = self._world.chutes.get(chute_id)
        version = str(uuid5(NAMESPACE_OID, f"{image.image_id}:initial:{document.get('code')}"))
        if existing and existing.version == version:
            raise Refused(
                409, f"Chute with name={document['name']}, version='{version}' and public=False already exists"
            )
        rules.check_deployment(document, open_rules=self._open_rules)
        accepted = request.query_params.get("accept_fee", "").lower() == "true"
        account.balance -= rules.check_fee(account, existing, document.get("node_selector") or {}, accepted=accepted)
        account.deployed_at.append(time.time())
        chute = self._recorded(account, existing, document, image.image_id, version)
        return JSONResponse(self.shown(chute))

    def _recorded(
        self, account: Account, existing: Chute | None, document: dict[str, Any], image_id: str, version: str
    ) -> Chute:
        """A new version of a running chute is started beside the old one, which goes once the new one is up."""
        if existing:
            existing.image_id, existing.version, existing.request = image_id, version, document
            if self._fleet.of(existing):
                self._fleet.warm(existing)
            return existing
        name = document["name"]
        slug = slug_of(account.username, name)
        if any(chute.slug == slug for chute in self._world.chutes.values()):
            slug = f"{slug}-{uuid4().hex[:5]}"
        chute = Chute(chute_id_of(account.username, name), account.user_id, name, slug, image_id, version, document)
        self._world.chutes[chute.chute_id] = chute
        self._opened(chute)
        return chute

    async def all(self, request: Request) -> Response:
        account = await anyone(self._world, request, "chutes")
        query = request.query_params
        public = account is None or query.get("include_public", "").lower() == "true"
        page, limit = int(query.get("page", 0)), int(query.get("limit", 25))
        found = [
            chute
            for chute in self._world.chutes.values()
            if (chute.public and public) or (account is not None and self._mine(chute, account))
            if query.get("name", "").lower() in chute.name.lower()
            if query.get("template") in (None, "", chute.request.get("standard_template"))
        ]
        items = [self.shown(chute) for chute in found[page * limit : (page + 1) * limit]]
        return JSONResponse({"total": len(found), "page": page, "limit": limit, "items": items, "cord_refs": {}})

    def _mine(self, chute: Chute, account: Account) -> bool:
        return not chute.public and self._world.may_see(chute, account)

    async def one(self, request: Request) -> Response:
        account = await anyone(self._world, request, "chutes")
        return JSONResponse(self.shown(self._asked(request, account), cords=True))

    async def code(self, request: Request) -> Response:
        account = await anyone(self._world, request, "chutes")
        return Response(self._asked(request, account).request.get("code", ""), media_type="text/plain")

    async def delete(self, request: Request) -> Response:
        account = await caller(self._world, request, "chutes")
        if not is_uuid(request.path_params["name"]):
            raise Refused(400, "Must use chute UUID to delete.")
        chute = self._owned(request.path_params["name"], account)
        self._fleet.cool(chute)
        del self._world.chutes[chute.chute_id]
        self._world.secrets.pop(chute.chute_id, None)
        self._closed(chute)
        return JSONResponse({"chute_id": chute.chute_id, "deleted": True})

    async def share(self, request: Request) -> Response:
        chute, user = await self._share_of(request)
        chute.shared_with.add(user.user_id)
        return JSONResponse({"status": f"Successfully shared {chute.name} with {user.username}"})

    async def unshare(self, request: Request) -> Response:
        chute, user = await self._share_of(request)
        chute.shared_with.discard(user.user_id)
        return JSONResponse({"status": f"Successfully unshared {chute.name} with {user.username}"})

    async def _share_of(self, request: Request) -> tuple[Chute, Account]:
        account = await caller(self._world, request, "chutes")
        document = await read_object(request)
        chute = self._owned(str(document.get("chute_id_or_name")), account)
        user = self._world.account_named(str(document.get("user_id_or_name")))
        if user is None:
            raise Refused(404, f"User not found: {document.get('user_id_or_name')}")
        return chute, user

    async def warmup(self, request: Request) -> Response:
        account = await caller(self._world, request, "chutes")
        chute = self._asked(request, account)
        self._fleet.warm(chute)
        if figures := self._stand_ins.figures.get(chute.chute_id):
            figures.warm()
        if request.query_params.get("quick", "").lower() == "true":
            return JSONResponse(self._warmth(chute))
        return StreamingResponse(self._warming(chute), media_type="text/event-stream")

    def _warmth(self, chute: Chute) -> dict[str, Any]:
        instances = [_instance(one) for one in self._fleet.of(chute)]
        status = "hot" if self._hot(chute) else "cold"
        return {
            "chute_id": chute.chute_id,
            "status": status,
            "instance_count": sum(one["active"] for one in instances),
            "instances": instances,
        }

    async def _warming(self, chute: Chute) -> AsyncIterator[str]:
        until = time.monotonic() + WARM_SECONDS
        while time.monotonic() < until:
            hot = self._hot(chute)
            log = "chute is hot" if hot else "waiting for an instance"
            yield f"data: {json.dumps({'status': 'hot' if hot else 'cold', 'log': log})}\n\n"
            if hot:
                return
            await asyncio.sleep(_LOOK)

    async def create_secret(self, request: Request) -> Response:
        account = await caller(self._world, request, "secrets")
        document = await read_object(request)
        chute = self._owned(str(document.get("purpose")), account)
        key, value = str(document.get("key")), str(document.get("value"))
        rules.check_secret(key)
        self._world.secrets.setdefault(chute.chute_id, {})[key] = value
        return JSONResponse({"secret_id": str(uuid4()), "purpose": chute.chute_id, "key": key, "created_at": ""})

    async def secrets(self, request: Request) -> Response:
        account = await caller(self._world, request, "secrets")
        mine = {chute.chute_id for chute in self._world.chutes.values() if chute.user_id == account.user_id}
        items = [
            {"purpose": chute_id, "key": key}
            for chute_id, pairs in self._world.secrets.items()
            if chute_id in mine
            for key in pairs
        ]
        return JSONResponse({"total": len(items), "page": 0, "limit": 25, "items": items})

    async def logs(self, request: Request) -> Response:
        account = await caller(self._world, request, "logs")
        instance = self._fleet.find(request.path_params["instance_id"])
        chute = self._world.chutes.get(instance.chute_id) if instance else None
        if instance is None or chute is None or chute.user_id != account.user_id:
            raise Refused(404, "Instance not found")
        backfill = int(request.query_params.get("backfill", 100))
        return StreamingResponse(self._log(instance, backfill), media_type="text/event-stream")

    async def _log(self, instance: Instance, backfill: int) -> AsyncIterator[str]:
        """The last lines, then new ones until the instance ends."""
        with instance.log.open(errors="replace") as file:
            lines = file.readlines()[-backfill:]
            while True:
                for line in lines:
                    yield f"data: {json.dumps({'log': line.rstrip()})}\n\n"
                if instance.process.returncode is not None:
                    return
                await asyncio.sleep(_LOOK)
                lines = file.readlines()

    def _asked(self, request: Request, account: Account | None) -> Chute:
        chute = self._world.chute_for(request.path_params["name"], account)
        if chute is None:
            raise Refused(404, "Chute not found, or does not belong to you")
        return chute

    def _owned(self, name: str, account: Account) -> Chute:
        chute = self._world.chute_for(name, account)
        if chute is None or chute.user_id != account.user_id:
            raise Refused(404, "Chute not found, or does not belong to you")
        return chute

    def _hot(self, chute: Chute) -> bool:
        figures = self._stand_ins.figures.get(chute.chute_id)
        return figures.hot if figures else bool(self._fleet.usable(chute))

    def shown(self, chute: Chute, *, cords: bool = False) -> dict[str, Any]:
        """`dev_platform_url` is ours: where the chute's own host answers on this machine."""
        document = chute.request
        selector = document.get("node_selector") or {}
        price = rules.hourly_price(selector)
        image = self._world.images.get(chute.image_id)
        kept = ("tagline", "readme", "standard_template", "concurrency", "max_instances", "node_selector", "tee")
        return {
            "chute_id": chute.chute_id,
            "name": chute.name,
            "slug": chute.slug,
            "version": chute.version,
            "created_at": datetime.fromtimestamp(chute.created_at, UTC).replace(tzinfo=None).isoformat(),
            "public": chute.public,
            **{name: document.get(name) for name in kept},
            "user": {"user_id": chute.user_id, "username": self._world.accounts[chute.user_id].username},
            "image": {"image_id": image.image_id, "name": image.name, "tag": image.tag} if image else None,
            "supported_gpus": rules.matching_gpus(selector),
            "instances": [_instance(one) for one in self._fleet.of(chute)],
            "hot": self._hot(chute),
            "invocation_count": chute.invocations,
            "current_estimated_price": document.get("price") or {"usd": {"hour": price}},
            "dev_platform_url": f"http://127.0.0.1:{chute.port}",
            **({"cords": document.get("cords", [])} if cords else {}),
        }


def _instance(one: Instance) -> dict[str, Any]:
    return {
        "instance_id": one.instance_id,
        "active": one.usable,
        "verified": one.active,
        "failures": one.failures,
        "most_failures": one.most_failures,
        "in_flight": one.in_flight,
        "pid": one.process.pid,
    }
