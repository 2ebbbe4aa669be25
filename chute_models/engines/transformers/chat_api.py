"""`/v1/chat/completions` and `/v1/completions` over a `ChatModel`."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chute_models.engines.exchange import events, read_json, unless_gone
from chute_models.engines.server import Served
from chute_models.engines.transformers.chat_request import Asked, read_chat, read_completion
from chute_models.engines.transformers.generate import ChatModel, Generation, Piece
from chute_models.engines.transformers.sampling import Sampling
from chute_models.engines.transformers.shapes import CHAT, COMPLETION, Shape, usage
from chute_models.engines.transformers.tools import read_tools


class ChatApi:
    """Handlers of one model; `load` is run on the compute thread before any of them is reached."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._model: ChatModel

    def routes(self) -> list[Route]:
        return [
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/completions", self._completion, methods=["POST"]),
        ]

    def load(self) -> Iterator[str]:
        yield "loading"
        self._model = ChatModel(self._served.arguments)
        yield "warming"
        for _ in self._model.steps(Generation((0, 1, 2, 3), 2, Sampling(temperature=0))):
            pass

    async def _chat(self, request: Request) -> Response:
        name = self._served.arguments.name
        body, can_call = await read_json(request), self._served.arguments.tool_parser == "hermes"
        asked = await asyncio.to_thread(read_chat, body, self._model, name, can_call=can_call)
        return await self._answer(request, asked, CHAT)

    async def _completion(self, request: Request) -> Response:
        name = self._served.arguments.name
        asked = await asyncio.to_thread(read_completion, await read_json(request), self._model, name)
        return await self._answer(request, asked, COMPLETION)

    async def _answer(self, request: Request, asked: Asked, shape: Shape) -> Response:
        self._served.metrics.add("prompt_tokens", asked.prompt_tokens)
        head = {"id": f"{shape.prefix}-{uuid.uuid4().hex}", "created": int(time.time())}
        head["model"] = self._served.arguments.name
        if asked.stream:
            return await events(self._chunks(asked, shape, head))
        return JSONResponse(await unless_gone(request, self._whole(asked, shape, head)))

    async def _chunks(self, asked: Asked, shape: Shape, head: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        head = {**head, "object": shape.chunk_object}
        if asked.include_usage:
            head["usage"] = None
        generated = 0
        opened: set[int] = set()
        async with contextlib.aclosing(self._pieces(asked)) as pieces:
            async for piece in pieces:
                generated += piece.tokens
                if piece.index not in opened:
                    opened.add(piece.index)
                    if opening := shape.opening(piece.index):
                        yield {**head, "choices": [opening]}
                if piece.text or piece.calls or piece.finish or piece.logprob:
                    yield {**head, "choices": shape.deltas(piece)}
        if asked.include_usage:
            yield {**head, "choices": [], "usage": usage(asked.prompt_tokens, generated)}

    async def _whole(self, asked: Asked, shape: Shape, head: dict[str, Any]) -> dict[str, Any]:
        pieces: dict[int, list[Piece]] = {}
        async with contextlib.aclosing(self._pieces(asked)) as found:
            async for piece in found:
                pieces.setdefault(piece.index, []).append(piece)
        generated = sum(piece.tokens for choice in pieces.values() for piece in choice)
        choices = [shape.choice(index, choice) for index, choice in sorted(pieces.items())]
        return {**head, "object": shape.object, "choices": choices, "usage": usage(asked.prompt_tokens, generated)}

    async def _pieces(self, asked: Asked) -> AsyncGenerator[Piece, None]:
        """Of all prompts; choices are numbered through."""
        async with contextlib.aclosing(self._served.worker.stream(self._steps(asked))) as pieces:
            async for piece in pieces:
                self._served.metrics.add("generation_tokens", piece.tokens)
                yield piece

    def _steps(self, asked: Asked) -> Iterator[Piece]:
        first = 0
        for generation in asked.generations:
            pieces = self._model.steps(generation)
            for piece in read_tools(pieces) if asked.tools else pieces:
                yield replace(piece, index=first + piece.index)
            first += generation.n
