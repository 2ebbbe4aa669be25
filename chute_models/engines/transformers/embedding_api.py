"""`/v1/embeddings` over an `EmbeddingModel`."""

import asyncio
import base64
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chute_models.engines.errors import Refusal
from chute_models.engines.exchange import read_json, unless_gone
from chute_models.engines.server import Served, check_model
from chute_models.engines.transformers.embed import EmbeddingModel

MAX_INPUTS = 2048


class EmbeddingApi:
    """Handlers of one model; `load` is run on the compute thread before any of them is reached."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._model: EmbeddingModel

    def routes(self) -> list[Route]:
        return [Route("/v1/embeddings", self._embed, methods=["POST"])]

    def load(self) -> Iterator[str]:
        yield "loading"
        self._model = EmbeddingModel(self._served.arguments)
        yield "warming"
        list(self._model.steps([self._model.encode("warm", "input")]))

    async def _embed(self, request: Request) -> Response:
        body = await read_json(request)
        name = self._served.arguments.name
        check_model(body.get("model"), name)
        if body.get("dimensions") is not None:
            raise Refusal("this model cannot shorten its vectors", param="dimensions", code="unsupported_parameter")
        form = body.get("encoding_format") or "float"
        if form not in ("float", "base64"):
            raise Refusal("encoding_format must be float or base64", param="encoding_format")
        inputs = await asyncio.to_thread(read_inputs, body, self._model)
        vectors = await unless_gone(request, self._served.worker.result(self._model.steps(inputs)))
        tokens = sum(len(ids) for ids in inputs)
        self._served.metrics.add("prompt_tokens", tokens)
        data = [
            {"object": "embedding", "index": index, "embedding": vector if form == "float" else packed(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": name, "usage": usage})


def read_inputs(body: Mapping[str, Any], model: EmbeddingModel) -> list[list[int]]:
    """A string, tokens, or a list of either, as token ids."""
    value = body.get("input")
    values = value if isinstance(value, list) and not _is_tokens(value) else [value]
    if not values or len(values) > MAX_INPUTS:
        raise Refusal(f"input must have 1 to {MAX_INPUTS} entries", param="input")
    return [_ids(item, "input" if len(values) == 1 else f"input[{at}]", model) for at, item in enumerate(values)]


def packed(vector: list[float]) -> str:
    """Little-endian 32-bit floats in base64, as the OpenAI API gives them."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _ids(item: Any, param: str, model: EmbeddingModel) -> list[int]:
    if isinstance(item, str) and item:
        return model.encode(item, param)
    if isinstance(item, list) and item and _is_tokens(item):
        model.check_length(item, param)
        if max(item) >= model.vocabulary or min(item) < 0:
            raise Refusal("a token is not in the vocabulary", param=param)
        return item
    raise Refusal("input must be a string that is not empty, tokens, or a list of these", param=param)


def _is_tokens(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(item, int) and not isinstance(item, bool) for item in value)
