"""Providers and models as YAML: what the text says as fields, and every mistake with its line."""

from typing import Any

import httpx
import pytest

MODEL = """models:
  fast:
    policy: cheapest
    targets:
      - provider: fake
        model: gpt-x
        weight: 2
    maxTokens: 100
"""


def read(admin: httpx.Client, text: str, resource: str = "models", id: str = "") -> Any:
    reply = admin.post(f"/api/admin/{resource}/yaml", json={"yaml": text, "id": id})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_model_is_read_as_the_fields_that_a_put_takes(admin: httpx.Client, provider: str) -> None:
    found = read(admin, MODEL)
    assert (found["id"], found["problems"]) == ("fast", [])
    assert found["fields"] == {
        "policy": "cheapest",
        "targets": [{"provider": "fake", "model": "gpt-x", "weight": 2}],
        "max_tokens": 100,
    }
    assert admin.post("/api/admin/models", json={"id": "fast", **found["fields"]}).status_code == 201


def test_masked_keys_stay_masked(admin: httpx.Client, provider: str) -> None:
    masked = admin.get("/api/admin/providers/fake").json()["api_keys"][0]
    url = admin.get("/api/admin/providers/fake").json()["base_url"]
    text = f"providers:\n  fake:\n    base_url: {url}\n    api_keys:\n      - {masked}\n    timeout: 7\n"
    found = read(admin, text, "providers", "fake")
    assert found["fields"]["api_keys"] == [masked] and found["fields"]["timeout"] == 7
    assert admin.put("/api/admin/providers/fake", json={"id": "fake", **found["fields"]}).json()["api_keys"] == [masked]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (MODEL.replace("weight: 2", "weight: no"), 7, "weight"),
        (MODEL.replace("policy: cheapest", "policy: best"), 3, "policy"),
        (MODEL.replace("maxTokens", "maxToken"), 8, "not a known field"),
        (MODEL.replace("provider: fake", "provider: nobody"), 2, "nobody"),
        (MODEL.replace("    policy", "   - policy"), 4, "expected"),
        (MODEL + "  other: {}\n", 1, "there are 2"),
        (MODEL.replace("models:", "things:"), 1, "Begin with 'models:'"),
        (MODEL.replace("gpt-x", "${HOME}"), 6, "gateway.yaml only"),
        (MODEL.replace("maxTokens", "policy"), 8, "given twice"),
        ("models:\n  a: &x {}\n  b: *x\n", 3, "Aliases"),
        ("models: " + "[" * 100_000, 1, "nested too deeply"),
        (MODEL.replace("gpt-x", "2024-13-45"), 6, "'2024-13-45' is not what YAML takes it for"),
        (MODEL.replace("weight: 2", "weight: !!int two"), 7, "put it in quotes"),
        (MODEL.replace("weight: 2", "weight: !!bool two"), 7, "put it in quotes"),
        (MODEL.replace("weight: 2", "weight: !!timestamp two"), 7, "put it in quotes"),
        (MODEL.replace("weight: 2", "weight: .inf"), 7, "no number"),
        ("", 1, "Begin with"),
    ],
)
def test_mistakes_are_told_with_their_line(admin: httpx.Client, provider: str, text: str, line: int, said: str) -> None:
    found = read(admin, text)
    assert found["fields"] is None
    assert found["problems"][0]["line"] == line, found["problems"]
    assert said in found["problems"][0]["message"]


def test_a_name_stays_and_nothing_is_changed(admin: httpx.Client, model: str) -> None:
    before = admin.get(f"/api/admin/models/{model}").json()
    text = MODEL.replace("fast", "other")
    assert "stays 'gpt-x'" in read(admin, text, id=model)["problems"][0]["message"]
    read(admin, MODEL.replace("fast", model), id=model)
    assert admin.get(f"/api/admin/models/{model}").json() == before
    assert admin.post("/api/admin/models/yaml", json={"yaml": MODEL}, headers={"authorization": ""}).status_code == 401
