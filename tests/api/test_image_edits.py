"""`/v1/images/edits`: what OpenAI's clients send, what providers and chutes get of it, and what is refused before."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.api.conftest import recorded
from tests.api.running import MASTER, RunningGateway
from tests.api.test_files import WAV, b64, picture
from tests.fakes.answers import form_fields, form_files
from tests.fakes.http_server import Exchange, HttpServer
from tests.fakes.upstream import Upstream
from tests.node.client import run_client

MB = 2**20
PATH = "/v1/images/edits"
CAT, DOG, MASK = picture(text="cat"), picture("JPEG", text="dog"), picture(text="mask")
FENCED, POOR = "sk-fenced-0123456789abcdef", "sk-poor-0123456789abcdef"
TOKENS = 2 * 16_384
"""As many as two pictures can have."""


class FakeChute:
    """A chute and the management API that tells of it, on one host; also the proxy by which Chutes is reached."""

    def __init__(self) -> None:
        self.cords: list[Any] = []
        self.seen: list[tuple[str, Any]] = []
        self.server = HttpServer(self._answer)
        self.server.start()

    async def _answer(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.method == "GET":
            slug = request.path.rpartition("/")[2]
            here = {} if slug.startswith("far") else {"dev_platform_url": self.server.url}
            exchange.send_json(200, {"name": slug, "slug": slug, **here, "cords": self.cords})
            return
        self.seen.append((request.path, request.json))
        if request.path == PATH:
            exchange.send_json(200, {"created": 1, "data": [{"b64_json": b64(CAT)}]})
        else:
            exchange.send(200, CAT, "image/png")


@pytest.fixture(scope="module")
def chute() -> Iterator[FakeChute]:
    made = FakeChute()
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream, chute: FakeChute
) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path_factory.mktemp("edits"),
        providers={
            "main": {
                "base_url": f"{upstream_server.url}/v1",
                "api_key": "sk-upstream-secret",
                "max_retries": 0,
                "models": [{"id": "painter", "type": "image"}, {"id": "gpt-x", "type": "chat"}],
            },
            **{
                name: {"type": "chutes", "base_url": f"http://{name}.chutes.ai", "api_key": "cpk_secret",
                       "proxy": chute.server.url, "models": []}
                for name in ("far-draws", "far-edits")
            },
            "own": {"type": "chutes", "base_url": chute.server.url, "api_key": "cpk_secret", "models": []},
        },
        models={
            "both": {"provider": "own", "model": "draws", "type": "image",
                     "fallbacks": [{"provider": "main", "model": "painter"}]},
            "chute": {"provider": "own", "model": "draws", "type": "image"},
        },
        keys=[
            {"name": "fenced", "key": FENCED, "allowed_operations": ["images.generations"]},
            {"name": "poor", "key": POOR, "budget_usd": 0.1, "budget_period": "total"},
        ],
        prices={"main/painter": {"input": 2.0, "per_request": 0.01}},
        chutes_api_url=chute.server.url,
        chutes_base_url=chute.server.url,
        catalog={"refresh": "off"},
    )  # fmt: skip
    yield running
    running.stop()


@pytest.fixture
def client(gateway: RunningGateway, upstream: Upstream) -> Iterator[openai.OpenAI]:
    with gateway.client() as client:
        yield client


@pytest.fixture
def http(gateway: RunningGateway, upstream: Upstream, chute: FakeChute) -> Iterator[httpx.Client]:
    gateway.app.state.dispatcher.vitals.clear()
    chute.cords.clear()
    chute.seen.clear()
    with gateway.http() as client:
        yield client


# --- providers that speak OpenAI's dialect ---------------------------------------------------------------


def test_one_image_goes_on_as_a_form_with_its_fields(
    client: openai.OpenAI, http: httpx.Client, upstream: Upstream
) -> None:
    reply = client.images.with_raw_response.edit(
        model="painter",
        image=("cat.png", CAT),
        prompt="a hät\r\nfor it",
        n=2,
        size="1024x1024",
        quality="high",
        background="transparent",
        extra_body={"input_fidelity": "high", "svg": {"model": "s"}},
    )
    drawn = reply.parse()
    assert [base64.b64decode(one.b64_json or "")[:4] for one in drawn.data or []] == [b"\x89PNG"] * 2
    assert drawn.usage and (drawn.usage.input_tokens, drawn.usage.output_tokens) == (100, 100)
    assert upstream.last.path == PATH and upstream.last.key == "sk-upstream-secret"
    assert form_fields(upstream.last) == {
        "model": "painter", "prompt": "a hät\r\nfor it", "n": "2", "size": "1024x1024", "quality": "high",
        "background": "transparent", "input_fidelity": "high", "svg[model]": "s",
    }  # fmt: skip
    assert form_files(upstream.last) == [("image", "cat.png", "image/png", CAT)]
    row = recorded(http, reply.headers["x-request-id"])
    assert (row["operation"], row["input_tokens"], row["output_tokens"]) == ("images.edits", 100, 100)
    assert row["cost_usd"] == pytest.approx(0.01 + 100 * 2 / 1e6)


def test_several_images_and_a_mask(client: openai.OpenAI, upstream: Upstream) -> None:
    client.images.edit(model="painter", image=[("a.png", CAT), ("b", DOG)], mask=("m.png", MASK), prompt="a hat")
    assert form_files(upstream.last) == [
        ("image[]", "a.png", "image/png", CAT),
        ("image[]", "b.jpeg", "image/jpeg", DOG),
        ("mask", "m.png", "image/png", MASK),
    ]


@pytest.mark.parametrize("field", ["image", "image[]", "image[0]"])
def test_an_image_is_known_by_its_bytes_whatever_its_part_says(
    http: httpx.Client, upstream: Upstream, field: str
) -> None:
    files = {field: ("cat.png", CAT, "application/octet-stream")}
    assert http.post(PATH, data={"model": "painter", "prompt": "a hat"}, files=files).status_code == 200
    assert form_files(upstream.last) == [("image", "cat.png", "image/png", CAT)]


@pytest.mark.parametrize("wrapped", [True, False], ids=["objects", "texts"])
def test_the_form_in_json(http: httpx.Client, upstream: Upstream, wrapped: bool) -> None:
    def told(data: bytes, kind: str) -> Any:
        url = f"data:image/{kind};base64,{b64(data)}"
        return {"image_url": url} if wrapped else url if data is DOG else b64(data)

    body: dict[str, Any] = {"model": "painter", "prompt": "a hat", "images": [told(CAT, "png"), told(DOG, "jpeg")]}
    body |= {"mask": told(MASK, "png"), "n": 2, "user": None, "stream": False}
    reply = http.post(PATH, json=body)
    assert len(reply.json()["data"]) == 2
    assert form_fields(upstream.last) == {"model": "painter", "prompt": "a hat", "n": "2"}
    assert [(sent.field, sent.filename, sent.data) for sent in form_files(upstream.last)] == [
        ("image[]", "image.png", CAT),
        ("image[]", "image.jpeg", DOG),
        ("mask", "image.png", MASK),
    ]


@pytest.mark.node
def test_the_node_client_edits(gateway: RunningGateway, upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(CAT)
    result = run_client(f"{gateway.url}/v1", MASTER, edit="painter", png=str(tmp_path / "cat.png"))
    assert base64.b64decode(result["edit"]).startswith(b"\x89PNG")
    assert [(sent.field, sent.data) for sent in form_files(upstream.last)] == [("image[]", CAT), ("image[]", CAT)]


# --- answers that are none -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ({"error": {"message": "slow down", "code": 429}}, 429, "rate_limit_exceeded"),
        ({"created": 1, "data": []}, 502, "upstream_bad_response"),
        ((b"<html>", "text/html"), 502, "upstream_bad_response"),
    ],
)
def test_an_answer_without_pictures_is_refused(
    http: httpx.Client, upstream: Upstream, answer: Any, status: int, code: str
) -> None:
    upstream.canned[PATH] = answer
    reply = http.post(PATH, data={"model": "painter", "prompt": "a hat"}, files={"image": ("a.png", CAT)})
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


# --- what is refused before anybody is asked ------------------------------------------------------------


def refusal(reply: httpx.Response, upstream: Upstream) -> tuple[int, str | None, str | None, str]:
    assert not upstream.requests
    error = reply.json()["error"]
    return reply.status_code, error["code"], error.get("param"), error["message"]


IMAGE = {"image": ("a.png", CAT)}
FIELDS = {"model": "painter", "prompt": "a hat"}


@pytest.mark.parametrize(
    ("fields", "files", "code", "param", "words"),
    [
        (FIELDS, {"x": ("", b"")}, "missing_file", "image", "Missing required parameter: 'image' (multipart)"),
        (FIELDS, {"mask": ("m.png", MASK)}, "missing_file", "image", "'mask' needs an 'image' that it belongs to."),
        ({**FIELDS, "image": "abc"}, {"mask": ("m.png", MASK)}, "missing_file", "image", "came as a text"),
        (FIELDS, {**IMAGE, "file": ("b.png", CAT)}, "invalid_value", "file", "'file' is no file of this endpoint"),
        (FIELDS, {"image": ("a.wav", WAV)}, "image_validation_failed", None, "'image' is not a PNG, JPEG, WebP"),
        (FIELDS, {**IMAGE, "mask": ("m", b"?")}, "image_validation_failed", None, "'mask' is not a PNG, JPEG, WebP"),
        (FIELDS, {**IMAGE, "mask[]": ("m", CAT), "mask": ("m", CAT)}, "invalid_value", "mask", "Send one 'mask'."),
        ({"model": "painter"}, IMAGE, "missing_prompt", "prompt", "Missing required parameter: 'prompt'."),
        ({"prompt": "a hat"}, IMAGE, "missing_model", "model", "Missing required parameter: 'model'."),
        ({**FIELDS, "n": "11"}, IMAGE, "invalid_value", "n", "'n' must be a whole number from 1 to 10."),
        ({**FIELDS, "n": "two"}, IMAGE, "invalid_value", "n", "'n' must be a whole number from 1 to 10."),
        ({**FIELDS, "stream": "true"}, IMAGE, "invalid_value", "stream", "/v1/images/edits does not stream."),
        ({**FIELDS, "model": "gpt-x"}, IMAGE, "invalid_model_type", "model", "needs a model of type image."),
    ],
    ids=lambda value: value.replace(" ", "_")[:30] if isinstance(value, str) else None,
)
def test_a_wrong_form_names_its_field(
    http: httpx.Client, upstream: Upstream, fields: Any, files: Any, code: str, param: str | None, words: str
) -> None:
    status, *told, message = refusal(http.post(PATH, data=fields, files=files), upstream)
    assert (status, told) == (400, [code, param])
    assert words in message


@pytest.mark.parametrize(
    ("images", "code", "param", "words"),
    [
        (None, "missing_file", "image", "'images' in JSON"),
        ([], "missing_file", "image", "'images' in JSON"),
        ([{}], "invalid_value", "images[0]", "'images[0]' must be a string"),
        ([b64(CAT), 7], "invalid_value", "images[1]", "'images[1]' must be a string"),
        ([{"image_url": "data:image/png;base64,%%%"}], "invalid_value", "images[0]", "is not valid base64"),
        ([b64(CAT), b64(WAV)], "image_validation_failed", None, "is not a PNG, JPEG, WebP or GIF image."),
        ([{"image_url": "ftp://x/a.png"}], "image_validation_failed", None, "'images[0]' must be base64, a data URL"),
        ([{"file_id": "file-1"}], "unsupported_parameter", "images[0].file_id", "as a data URL"),
        ([b64(CAT)] * 17, "invalid_value", "image", "At most 16 images are taken at a time."),
    ],
    ids=["none", "empty", "nothing", "number", "letters", "sound", "scheme", "file id", "many"],
)
def test_a_wrong_document_names_its_field(
    http: httpx.Client, upstream: Upstream, images: Any, code: str, param: str | None, words: str
) -> None:
    status, *told, message = refusal(http.post(PATH, json={**FIELDS, "images": images}), upstream)
    assert (status, told) == (400, [code, param])
    assert words in message


def test_an_address_within_this_network_is_not_fetched(http: httpx.Client, upstream: Upstream) -> None:
    images = [{"image_url": f"{upstream.url}/cat.png"}]
    assert refusal(http.post(PATH, json={**FIELDS, "images": images}), upstream)[:2] == (400, "image_validation_failed")


def test_images_are_bounded_in_size_and_number(http: httpx.Client, upstream: Upstream) -> None:
    large = CAT + bytes(20 * MB)
    form = http.post(PATH, data=FIELDS, files=[("image[]", ("a.png", CAT)), ("image[]", ("b.png", large))])
    assert refusal(form, upstream)[:3] == (413, "request_too_large", "image[]")
    document = http.post(PATH, json={**FIELDS, "images": [b64(large)]})
    assert refusal(document, upstream)[:2] == (400, "image_validation_failed")
    many = http.post(PATH, data=FIELDS, files=[("image[]", ("a.png", CAT))] * 17)
    assert refusal(many, upstream)[:3] == (400, "invalid_value", "image")


@pytest.mark.parametrize("value", [{str(n): n for n in range(65)}, [1] * 65], ids=["members", "items"])
def test_a_document_has_no_more_fields_than_a_form(http: httpx.Client, upstream: Upstream, value: Any) -> None:
    reply = http.post(PATH, json={**FIELDS, "images": [b64(CAT)], "svg": value})
    assert refusal(reply, upstream)[3] == "The request has more than 64 fields."
    named = http.post(PATH, json={**FIELDS, "images": [b64(CAT)], "x" * 300: 1})
    assert "longer than 256 characters" in refusal(named, upstream)[3]


def test_a_key_needs_the_operation(gateway: RunningGateway, upstream: Upstream) -> None:
    with gateway.http(FENCED) as fenced:
        reply = fenced.post(PATH, data=FIELDS, files=IMAGE)
    assert refusal(reply, upstream)[:2] == (403, "operation_not_allowed")


def test_a_budget_reserves_pictures_by_their_number(gateway: RunningGateway, upstream: Upstream) -> None:
    """Not by their bytes, of which each would be a token: two of 5 MB would be 20 USD."""
    files = [("image", ("a.png", CAT + bytes(5 * MB))), ("mask", ("m.png", MASK))]
    with gateway.http(POOR) as poor:
        assert TOKENS * 2 / 1e6 + 0.01 < 0.1
        assert poor.post(PATH, data=FIELDS, files=files).status_code == 200
        refused = poor.post(PATH, data={**FIELDS, "n": "10"}, files=files)
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "budget_exceeded")


def test_variations_are_not_there(http: httpx.Client) -> None:
    assert http.post("/v1/images/variations", files=IMAGE).status_code == 404


# --- chutes ----------------------------------------------------------------------------------------------


def cord(*fields: str, **schema: Any) -> dict[str, Any]:
    """As the management API tells of a function that takes a model with these fields."""
    model = {"type": "object", "properties": {name: schema.get(name, {}) for name in fields}}
    inputs = {"properties": {"input_args": {"$ref": "#/definitions/Input"}}, "definitions": {"Input": model}}
    return {"public_api_path": "/generate", "input_schema": inputs}


@pytest.mark.parametrize(
    ("cords", "sent"),
    [
        ([cord("prompt", "image_b64s")], {"image_b64s": [b64(CAT)]}),
        ([cord("prompt", "image_b64")], {"image_b64": b64(CAT)}),
        ([{"public_api_path": "/generate"}], {"image_b64s": [b64(CAT)]}),
        ([{"public_api_path": "/generate", "input_schema": {"properties": {"a": {"type": "object"}}}}],
         {"image_b64s": [b64(CAT)]}),
        ([], {"image_b64s": [b64(CAT)]}),
    ],
    ids=["several", "one", "untold", "anything", "no cords"],
)  # fmt: skip
def test_a_chute_gets_pictures_in_its_own_shape(
    http: httpx.Client, chute: FakeChute, cords: list[Any], sent: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    chute.cords += cords
    data = {"model": f"own/{request.node.callspec.id.replace(' ', '-')}", "prompt": "7", "size": "640x480"}
    data |= {"n": "2", "seed": "7", "true_cfg_scale": "4.5", "quality": "high", "response_format": "url"}
    reply = http.post(PATH, data=data, files=IMAGE)
    assert [one["url"] for one in reply.json()["data"]] == [f"data:image/png;base64,{b64(CAT)}"] * 2
    first = {"prompt": "7", "width": 640, "height": 480, "seed": 7, "true_cfg_scale": 4.5, **sent}
    asked = sorted(chute.seen, key=lambda one: int(one[1]["seed"]))
    assert asked == [("/generate", first), ("/generate", {**first, "seed": 8})]


def test_a_chute_with_openais_path_is_asked_in_its_json(http: httpx.Client, chute: FakeChute) -> None:
    """To a chute no form can be sent."""
    chute.cords += [{"public_api_path": PATH}, cord("prompt")]
    files = {**IMAGE, "mask": ("m.png", MASK)}
    reply = http.post(PATH, data={"model": "own/openai", "prompt": "a hat", "n": "1"}, files=files)
    assert reply.json()["data"] == [{"b64_json": b64(CAT)}]
    image, mask = ({"image_url": f"data:image/png;base64,{b64(data)}"} for data in (CAT, MASK))
    body = {"model": "openai", "prompt": "a hat", "n": 1, "images": [image], "mask": mask}
    assert chute.seen == [(PATH, body)]


def test_a_target_that_cannot_do_it_is_left_for_another(http: httpx.Client, upstream: Upstream) -> None:
    reply = http.post(PATH, data={**FIELDS, "model": "both"}, files={**IMAGE, "mask": ("m.png", MASK)})
    assert reply.status_code == 200
    assert reply.headers["x-gateway-provider"] == "main"
    assert reply.headers["x-gateway-attempts"] == "own/draws=unsupported_operation, main/painter=200"
    assert form_fields(upstream.last)["model"] == "painter"


@pytest.mark.parametrize(
    ("model", "cords", "files", "param", "words"),
    [
        ("own/draws", [], [("image", CAT), ("mask", MASK)], "mask", "The chute of 'draws' takes no 'mask'."),
        ("own/flux", [cord("prompt", "width")], [("image", CAT)], "image", "takes no images: it only draws."),
        ("own/one", [cord("image_b64")], [("image", CAT), ("image", DOG)], "image", "takes at most one image."),
        ("own/two", [cord("image_b64s", image_b64s={"maxItems": 2})], [("image", CAT)] * 3, "image",
         "takes at most 2 images."),
    ],
    ids=["mask", "only draws", "one", "two"],
)  # fmt: skip
def test_what_a_chute_cannot_do_is_said_and_not_sent(
    http: httpx.Client, chute: FakeChute, model: str, cords: list[Any], files: Any, param: str, words: str
) -> None:
    chute.cords += cords
    parts = [(name, ("a.png", data)) for name, data in files]
    reply = http.post(PATH, data={"model": model, "prompt": "a hat"}, files=parts)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (503, "unsupported_operation", param)
    assert words in error["message"]
    assert not chute.seen


def test_of_a_chute_whose_host_is_configured_the_api_is_asked(http: httpx.Client, chute: FakeChute) -> None:
    """Where it is the chute of that host, what is told of it counts."""
    chute.cords += [cord("prompt")]
    draws = http.post(PATH, data={"model": "far-draws/far-draws", "prompt": "a hat"}, files=IMAGE)
    assert (draws.status_code, draws.json()["error"]["code"]) == (503, "unsupported_operation")
    assert not chute.seen
    other = http.post(PATH, data={"model": "far-edits/far-other", "prompt": "a hat"}, files=IMAGE)
    assert other.status_code == 200, "that is another chute"
    assert chute.seen == [("http://far-edits.chutes.ai/generate", {"prompt": "a hat", "image_b64s": [b64(CAT)]})]


def test_why_it_goes_where_is_explained(http: httpx.Client) -> None:
    told = http.post("/v1/route/explain", json={"path": PATH, "model": "both"}).json()
    assert [one["provider"] for one in told["candidates"] if one["rank"]] == ["own", "main"]
