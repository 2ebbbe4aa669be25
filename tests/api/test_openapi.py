"""`/openapi.json` as a client reads it: every inference endpoint, with an example that works, and who may ask."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from fastapi.openapi.models import OpenAPI
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from gateway.api.paths import INFERENCE
from gateway.openai_api.operations import OPERATIONS, Body
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

PATHS = [*INFERENCE]
CHECKS = [content_type_conformance, response_schema_conformance, status_code_conformance]
JSON, FORM, EVENTS = "application/json", "multipart/form-data", "text/event-stream"
ORDINARY = "sk-ordinary-0123456789abcdef"
LEFT_OUT = ("/api/models", "/api/admin/login", "/api/user/login")
"""What is passed on to Chutes, which nobody reaches from here, and what answers 401 to a wrong password."""
NAMES = {
    "chat": "chat",
    "embedding": "embedding",
    "whisper": "transcription",
    "ocr": "ocr",
    "bge-reranker-v2-m3": "rerank",
    "FLUX.1-schnell": "image",
    "gpt-image-1.5": "image",
    "kokoro": "speech",
    "omni-moderation-latest": "moderation",
}
"""The models that the examples ask for, with their types."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path_factory.mktemp("openapi"),
        providers={"main": {"base_url": f"{upstream_server.url}/v1", "api_key": "sk-up-0123456789", "models": []}},
        keys=[{"name": "ordinary", "key": ORDINARY}],
        models={name: {"provider": "main", "model": "gpt-x", "type": kind} for name, kind in NAMES.items()},
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def document(gateway: RunningGateway) -> dict[str, Any]:
    with gateway.http(None) as client:
        answer = client.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def loaded(gateway: RunningGateway) -> OpenApiSchema:
    made = schemathesis.openapi.from_url(f"{gateway.url}/openapi.json", timeout=60)
    assert isinstance(made, OpenApiSchema)
    return made


def bodies(document: dict[str, Any], path: str) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][path]["post"]["requestBody"]["content"]
    return found


def members(node: Any) -> Iterator[tuple[str, Any]]:
    """Every member of every object."""
    for name, value in node.items() if isinstance(node, dict) else ():
        yield name, value
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from members(value)


# --- the document itself ---------------------------------------------------------------------------------


def test_the_document_is_valid(document: dict[str, Any], loaded: OpenApiSchema) -> None:
    loaded.validate()
    OpenAPI.model_validate(document)
    schemas = [value for name, value in members(document["paths"]) if name == "schema"]
    for schema in (*schemas, *document["components"]["schemas"].values()):
        jsonschema_rs.meta.validate(schema)
    for name, value in members(document):
        if name == "$ref":
            found: Any = document
            for part in value.removeprefix("#/").split("/"):
                found = found[part]
    assert all(isinstance(result, Ok) for result in loaded.get_all_operations())
    ids = [one["operationId"] for item in document["paths"].values() for one in item.values()]
    assert len(ids) == len(set(ids))


def test_no_path_promises_the_refusals_of_fastapi(document: dict[str, Any]) -> None:
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert not [one["operationId"] for one in operations if "422" in one["responses"]]
    assert "HTTPValidationError" not in str(document)


def test_every_inference_endpoint_is_in_it(document: dict[str, Any]) -> None:
    assert set(PATHS) == {
        path for path, item in document["paths"].items() if "inference" in item.get("post", {}).get("tags", ())
    }
    for path, operation in OPERATIONS.items():
        described = document["paths"][path]["post"]
        assert described["operationId"] == operation.name.replace(".", "_")
        assert (EVENTS in described["responses"]["200"]["content"]) is operation.streamable, path
        content = bodies(document, path)
        assert ("stream" in content[JSON]["schema"]["properties"]) is operation.streamable, path
        assert (FORM in content) is (operation.body is Body.FILE), path
        assert set(content[JSON]["schema"]["required"]) == {"model", *operation.required}, path
        for one in content.values():
            assert one["schema"]["additionalProperties"] is True
            assert one["schema"]["properties"].keys() >= set(one["schema"]["required"])


# --- examples --------------------------------------------------------------------------------------------


def ask(loaded: OpenApiSchema, path: str, media_type: str, body: dict[str, Any]) -> Response:
    """Raises where the answer is not as the document says."""
    case = loaded[path]["POST"].Case(body=body, media_type=media_type)
    answer = case.call(headers={"authorization": f"Bearer {MASTER}"}, timeout=60)
    assert answer.status_code == 200, answer.text
    case.validate_response(answer, checks=CHECKS)
    return answer


@pytest.mark.parametrize("path", PATHS)
def test_an_example_is_accepted(loaded: OpenApiSchema, document: dict[str, Any], upstream: Upstream, path: str) -> None:
    content = bodies(document, path)[JSON]
    jsonschema_rs.validate(content["schema"], content["example"])
    ask(loaded, path, JSON, content["example"])


@pytest.mark.parametrize("path", [path for path, operation in OPERATIONS.items() if operation.streamable])
def test_an_example_is_accepted_as_a_stream(
    loaded: OpenApiSchema, document: dict[str, Any], upstream: Upstream, path: str
) -> None:
    answer = ask(loaded, path, JSON, {**bodies(document, path)[JSON]["example"], "stream": True})
    assert answer.headers["content-type"][0].startswith(EVENTS) and answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("path", [path for path, operation in INFERENCE.items() if operation.body is Body.FILE])
def test_the_file_of_an_example_is_accepted_in_a_form(
    gateway: RunningGateway, document: dict[str, Any], upstream: Upstream, path: str
) -> None:
    content = bodies(document, path)
    example, form = content[JSON]["example"], content[FORM]["schema"]
    encoded = next(value for name, value in members(example) if name.endswith("_b64") or name == "image_url")
    data = {name: value for name, value in example.items() if name in form["properties"]}
    (field,) = set(form["required"]) - data.keys()
    assert set(form["required"]) == {field, *data} and form["properties"][field]["format"] == "binary"
    with gateway.http() as client:
        files = {field: ("a.bin", base64.b64decode(encoded.rpartition(",")[2]))}
        answer = client.post(path, data=data, files=files)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("response_format", ["text", "srt", "vtt", "verbose_json"])
def test_the_formats_of_a_transcript_are_as_described(
    loaded: OpenApiSchema, document: dict[str, Any], upstream: Upstream, response_format: str
) -> None:
    path = "/v1/audio/transcriptions"
    ask(loaded, path, JSON, {**bodies(document, path)[JSON]["example"], "response_format": response_format})


def test_other_fields_go_on_to_the_provider(
    loaded: OpenApiSchema, document: dict[str, Any], upstream: Upstream
) -> None:
    path = "/v1/chat/completions"
    ask(loaded, path, JSON, {**bodies(document, path)[JSON]["example"], "top_k": 7})
    assert upstream.last.json["top_k"] == 7


@pytest.mark.parametrize("path", PATHS)
def test_errors_are_as_described(
    loaded: OpenApiSchema, document: dict[str, Any], upstream: Upstream, path: str
) -> None:
    example = bodies(document, path)[JSON]["example"]
    for key, body, status in (("sk-wrong", example, 401), (MASTER, {**example, "model": "nobody"}, 404)):
        case = loaded[path]["POST"].Case(body=body, media_type=JSON)
        answer = case.call(headers={"authorization": f"Bearer {key}"}, timeout=60)
        assert answer.status_code == status
        case.validate_response(answer, checks=CHECKS)


# --- who may ask -----------------------------------------------------------------------------------------


def ask_in_vain(client: httpx.Client, document: dict[str, Any], method: str, path: str) -> int:
    """The status of a request whose values mean nothing: whoever may not ask at all is told so before that."""
    operation = document["paths"][path][method]
    wanted = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})
    wanted = document["components"]["schemas"].get(wanted.get("$ref", "").rpartition("/")[2], wanted)
    body = dict.fromkeys(wanted.get("required", ()), "x")
    for parameter in operation.get("parameters", ()):
        path = path.replace(f"{{{parameter['name']}}}", "x")
    return client.request(method, path, json=body or None).status_code


@pytest.mark.parametrize(("headers", "schemes"), [({}, [{}]), ({"X-API-Key": ORDINARY}, [{}, {"api_key": []}])])
def test_who_may_ask_for_what_is_told(
    gateway: RunningGateway, document: dict[str, Any], headers: dict[str, str], schemes: list[dict[str, Any]]
) -> None:
    """A stranger and an ordinary key are refused exactly where no scheme of theirs is told."""
    refused: dict[str, bool] = {}
    told: dict[str, bool] = {}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=60) as client:
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if not path.startswith(LEFT_OUT):
                    demanded = operation.get("security", document["security"]) or [{}]
                    told[f"{method} {path}"] = not any(scheme in demanded for scheme in schemes)
                    refused[f"{method} {path}"] = ask_in_vain(client, document, method, path) == 401
    assert refused == told and len(told) > 80


@pytest.mark.parametrize("scheme", ["bearer", "api_key"])
def test_a_key_is_accepted_where_its_scheme_says(
    gateway: RunningGateway, document: dict[str, Any], upstream: Upstream, scheme: str
) -> None:
    told = document["components"]["securitySchemes"][scheme]
    name, value = (told["name"], MASTER) if told["type"] == "apiKey" else ("Authorization", f"Bearer {MASTER}")
    assert {scheme: []} in document["security"]
    with httpx.Client(base_url=gateway.url, headers={name: value}, timeout=60) as client:
        answer = client.post("/v1/chat/completions", json=bodies(document, "/v1/chat/completions")[JSON]["example"])
    assert answer.status_code == 200


def test_the_cookie_of_a_login_is_the_one_that_is_told(gateway: RunningGateway, document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    person = {"username": "ada", "password": "correct horse battery", "role": "admin"}
    with gateway.http() as admin:
        assert admin.post("/api/admin/users", json=person).status_code == 201
    del person["role"]
    with gateway.http(None) as browser:
        session = browser.post("/api/admin/login", json=person)
        assert list(session.cookies.keys()) == [schemes["session"]["name"]]
        assert browser.get("/api/admin/overview").status_code == 200
        csrf = {schemes["csrf"]["name"]: session.json()["csrf_token"]}
        assert browser.post("/api/admin/logout").status_code == 403
        assert browser.post("/api/admin/logout", headers=csrf).status_code == 204
