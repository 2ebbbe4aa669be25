"""`/v1/rerank`: what is asked (`query`, `documents`, `top_n`, `return_documents`), and answers of every known shape
brought to one: `{"model", "results": [{"index", "relevance_score", "document"?}], "usage"?}`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from gateway.errors import InvalidRequest, UpstreamBadResponse
from gateway.openai_api.json_body import value_of

MOST = 10_000


@dataclass(frozen=True, slots=True)
class RerankRequest:
    query: str
    documents: tuple[str, ...]
    top_n: int | None = None
    return_documents: bool = False


def parse_rerank(document: Mapping[str, msgspec.Raw]) -> RerankRequest:
    """Raises InvalidRequest naming the field."""
    values = {name: value_of(document, name) for name in ("query", "documents", "top_n", "top_k", "return_documents")}
    query, texts, top = values["query"], values["documents"], values["top_n"]
    if top is None and type(values["top_k"]) is int and values["top_k"] > 0:
        top = values["top_k"]  # Voyage's name for it
    if not isinstance(query, str) or not query:
        raise InvalidRequest("'query' must be a text.", param="query")
    if not isinstance(texts, list) or not 0 < len(texts) <= MOST:
        raise InvalidRequest(f"'documents' must be a list of 1 to {MOST} texts.", param="documents")
    if top is not None and (not isinstance(top, int) or isinstance(top, bool) or top < 1):
        raise InvalidRequest("'top_n' must be a whole number from 1.", param="top_n")
    return RerankRequest(query, tuple(map(_text, texts)), top, values["return_documents"] is True)


def _text(item: Any) -> str:
    text = item.get("text") if isinstance(item, dict) else item
    if not isinstance(text, str):
        raise InvalidRequest("Each of 'documents' must be a text, or an object with 'text'.", param="documents")
    return text


def texts_body(request: RerankRequest) -> bytes:
    """For a chute that ranks, as text-embeddings-inference takes it."""
    return orjson.dumps({"query": request.query, "texts": request.documents})


def render_rerank(body: bytes, request: RerankRequest, model: str) -> bytes:
    """Best first. Understands a list, or `results`, `data`, `scores`, of objects with `index` and `relevance_score` or
    `score`, and of bare scores. Raises UpstreamBadResponse."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _bad() from None
    rows = answer.get("results", answer.get("data", answer.get("scores"))) if isinstance(answer, dict) else answer
    if not isinstance(rows, list):
        raise _bad()
    scores = sorted((_row(n, row, len(request.documents)) for n, row in enumerate(rows)), key=lambda one: -one[1])
    if len({index for index, _ in scores}) < len(scores):
        raise _bad()
    documents = len(request.documents)
    if len(scores) < min(documents, request.top_n or documents):
        raise UpstreamBadResponse(f"The provider ranked {len(scores)} of {documents} documents.")
    results: list[dict[str, Any]] = []
    for index, score in scores[: request.top_n]:
        result: dict[str, Any] = {"index": index, "relevance_score": score}
        if request.return_documents:
            result["document"] = {"text": request.documents[index]}
        results.append(result)
    made: dict[str, Any] = {"model": model, "results": results}
    if isinstance(answer, dict) and isinstance(answer.get("usage"), dict):
        made["usage"] = answer["usage"]
    return orjson.dumps(made)


def _row(position: int, row: Any, count: int) -> tuple[int, float]:
    index, score = position, row
    if isinstance(row, dict):
        index = row.get("index", position)
        score = row.get("relevance_score", row.get("score"))
    if not isinstance(index, int) or not 0 <= index < count or not isinstance(score, int | float):
        raise _bad()
    if isinstance(index, bool) or isinstance(score, bool):
        raise _bad()
    return index, float(score)


def _bad() -> UpstreamBadResponse:
    return UpstreamBadResponse("The provider's answer is no ranking.")
