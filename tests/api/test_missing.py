"""A002-19: a field that is left out has a code of its own."""

import httpx
import pytest


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/embeddings", {}, "input"),
        ("/v1/embeddings", {"input": None}, "input"),
        ("/v1/completions", {}, "prompt"),
        ("/v1/completions", {"prompt": None}, "prompt"),
        ("/v1/images/generations", {}, "prompt"),
        ("/v1/images/edits", {"images": ["iVBORw0KGgo="]}, "prompt"),
        ("/v1/rerank", {"documents": ["a"]}, "query"),
        ("/v1/rerank", {"query": "a"}, "documents"),
        ("/v1/moderations", {}, "input"),
    ],
)
def test_a_missing_field_has_its_code(http: httpx.Client, path: str, body: dict[str, object], field: str) -> None:
    reply = http.post(path, json={"model": "gpt-x", **body})
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert (error["code"], error["param"]) == (f"missing_{field}", field)
