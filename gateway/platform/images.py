"""`/images/…`: upload with a signature, build in the background, status, log stream, list, delete."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.platform import rules
from gateway.platform.builder import BuildFailed, build
from gateway.platform.identity import Refused, caller, signed
from gateway.platform.world import BUILT, Account, Image, World, image_id_of

FAILED = "error"
_NOTICE = 0.05
"""Seconds between looks at a growing log."""


class Images:
    """`folder` gets one folder per image; `pace` is how many seconds a line of a build takes."""

    def __init__(self, world: World, folder: Path, pace: float) -> None:
        self._world = world
        self._folder = folder
        self._pace = pace
        self._builds: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        return [
            Route("/images/", self.create, methods=["POST"]),
            Route("/images/", self.all, methods=["GET"]),
            Route("/images/{image_id}/logs", self.logs, methods=["GET"]),
            Route("/images/{image_id:path}", self.one, methods=["GET"]),
            Route("/images/{image_id:path}", self.delete, methods=["DELETE"]),
        ]

    def root(self, image_id: str) -> Path:
        return self._folder / image_id

    async def create(self, request: Request) -> Response:
        account = await signed(self._world, request, "images")
        form = await request.form(max_part_size=64 * 2**20)
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        upload = form.get("build_context")
        if not isinstance(upload, UploadFile) or not {"name", "tag", "dockerfile"} <= fields.keys():
            raise Refused(422, [{"loc": ["body"], "msg": "name, tag, dockerfile and build_context are required"}])
        image = self._accept(account, fields)
        task = asyncio.create_task(self._build(image, await upload.read()))
        self._builds.add(task)
        task.add_done_callback(self._builds.discard)
        return JSONResponse({"created_at": "", "image_id": image.image_id}, 202)

    def _accept(self, account: Account, fields: dict[str, str]) -> Image:
        name, tag = fields["name"], fields["tag"]
        if len(name) < 3 or len(tag) < 2:
            raise Refused(422, [{"loc": ["body", "name"], "msg": f"Invalid image name or tag: {name}:{tag}"}])
        rules.check_rate(account, time.time())
        image_id = image_id_of(account.username, name, tag)
        if image_id in self._world.images:
            raise Refused(409, f"Image with name={name} and tag={tag} already exists")
        public = fields.get("public", "").lower() == "true"
        image = Image(image_id, account.user_id, name, tag, fields["dockerfile"], public)
        self._world.images[image_id] = image
        account.deployed_at.append(time.time())
        return image

    async def _build(self, image: Image, context: bytes) -> None:
        image.status = "building"
        try:
            for line in build(image.dockerfile, context, self.root(image.image_id)):
                image.log.append(line)
                await asyncio.sleep(self._pace)
            if fault := self._world.faults.take_build():
                raise BuildFailed(fault.words)
        except (BuildFailed, OSError) as error:
            image.log.append(f"ERROR: {error}")
            image.status = FAILED
        else:
            image.log.append(f"recorded {image.name}:{image.tag}")
            image.status = BUILT

    async def all(self, request: Request) -> Response:
        account = await caller(self._world, request, "images")
        items = [self._shown(image) for image in self._world.images.values() if image.user_id == account.user_id]
        return JSONResponse({"total": len(items), "page": 0, "limit": 25, "items": items})

    async def one(self, request: Request) -> Response:
        return JSONResponse(self._shown(await self._asked(request)))

    async def delete(self, request: Request) -> Response:
        image = await self._asked(request)
        if any(chute.image_id == image.image_id for chute in self._world.chutes.values()):
            raise Refused(409, "Image is in use by one or more chutes")
        del self._world.images[image.image_id]
        return JSONResponse({"image_id": image.image_id, "deleted": True})

    async def logs(self, request: Request) -> Response:
        """Plain text once the build is over, a stream of `data: {"log": …}` while it runs."""
        image = await self._asked(request)
        if image.status in (BUILT, FAILED):
            return PlainTextResponse("\n".join(image.log) + "\n")
        return StreamingResponse(self._stream(image), media_type="text/event-stream")

    async def _stream(self, image: Image) -> AsyncIterator[str]:
        told = 0
        while True:
            ended = image.status in (BUILT, FAILED)
            for line in image.log[told:]:
                kind = "stderr" if line.startswith("ERROR") else "stdout"
                yield f"data: {json.dumps({'log': {'log': line, 'log_type': kind}})}\n\n"
            told = len(image.log)
            if ended:
                yield "data: DONE\n\n"
                return
            await asyncio.sleep(_NOTICE)

    async def _asked(self, request: Request) -> Image:
        account = await caller(self._world, request, "images")
        image = self._world.image_named(request.path_params["image_id"], account)
        if image is None:
            raise Refused(404, "Image not found, or does not belong to you")
        return image

    def _shown(self, image: Image) -> dict[str, Any]:
        names = ("image_id", "name", "tag", "status", "public")
        return {name: getattr(image, name) for name in names} | {"user": {"user_id": image.user_id}}
