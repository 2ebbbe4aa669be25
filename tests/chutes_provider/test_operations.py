"""One provider, all hosts: every kind of chute by name alone, through a gateway and the OpenAI client."""

import base64
import time
from collections.abc import Iterator

import httpx
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.api.running import RunningGateway
from tests.api.test_files import picture, tone
from tests.chutes_provider.conftest import R1, Start
from tests.platform.process import KEY, PlatformProcess


@pytest.fixture(scope="module")
def gateway(platform_server: PlatformProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path_factory.mktemp("state"),
        chutes_api_key=KEY,
        chutes_api_url=platform_server.api,
        chutes_base_url=f"{platform_server.llm}/v1",
        catalog={"refresh": "off"},
    )
    yield running
    running.stop()


@pytest.fixture
def http(gateway: RunningGateway, platform: PlatformProcess) -> Iterator[httpx.Client]:
    with gateway.http() as client:
        yield client


def test_text_with_and_without_stream(gateway: RunningGateway, platform: PlatformProcess) -> None:
    client = gateway.client()
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "good morning"}]
    whole = client.chat.completions.with_raw_response.create(model=f"chutes/{R1}", messages=messages)
    assert whole.parse().choices[0].message.content == "You said: good morning"
    assert whole.headers["x-chutes-invocationid"]
    assert int(whole.headers["x-chutes-quota-total"]) == 100_000
    parts = client.chat.completions.create(model=f"chutes/{R1}", messages=messages, stream=True)
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == "You said: good morning"


@pytest.mark.parametrize("name", ["whisper-large-v3", "id"])
def test_speech_to_text_by_name_and_by_id(gateway: RunningGateway, platform: PlatformProcess, name: str) -> None:
    model = platform.get("/chutes/whisper-large-v3")["chute_id"] if name == "id" else name
    reply = gateway.client().audio.transcriptions.create(model=f"chutes/{model}", file=("a.wav", tone()))
    assert reply.text


def test_pages(http: httpx.Client) -> None:
    picture = base64.b64encode(base64.b64decode(PIXEL)).decode()
    reply = http.post("/v1/ocr", json={"model": "chutes/rednote-hilab-dots-ocr", "image_b64": picture})
    assert reply.json()["text"].startswith("A page of")


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors(gateway: RunningGateway, platform: PlatformProcess, encoding: str) -> None:
    reply = gateway.client().embeddings.create(
        model="chutes/Qwen/Qwen3-Embedding-8B",
        input=["a b", "a b"],
        encoding_format=encoding,  # type: ignore[arg-type]
    )
    assert reply.data[0].embedding == reply.data[1].embedding


def test_ranks_in_one_shape(http: httpx.Client) -> None:
    body = {"model": "chutes/bge-reranker-v2-m3", "query": "blue sky", "documents": ["green", {"text": "a blue sky"}]}
    reply = http.post("/v1/rerank", json={**body, "top_n": 1, "return_documents": True})
    assert reply.json() == {
        "model": "bge-reranker-v2-m3",
        "results": [{"index": 1, "relevance_score": 1.0, "document": {"text": "a blue sky"}}],
    }
    assert reply.headers["x-gateway-provider"] == "chutes"


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [("query", 3, "query"), ("documents", [], "documents"), ("documents", [1], "documents"), ("top_n", 0, "top_n")],
)
def test_a_wrong_ranking_names_its_field(http: httpx.Client, field: str, value: object, param: str) -> None:
    body = {"model": "chutes/bge-reranker-v2-m3", "query": "q", "documents": ["d"], field: value}
    reply = http.post("/v1/rerank", json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_pictures(gateway: RunningGateway, platform: PlatformProcess) -> None:
    client, model = gateway.client(), "chutes/FLUX.1-schnell"
    drawn = client.images.generate(model=model, prompt="a cat", n=2, size="1024x1024")
    assert drawn.data is not None
    assert [base64.b64decode(one.b64_json or "")[:4] for one in drawn.data] == [b"\x89PNG"] * 2
    linked = client.images.generate(model=model, prompt="a cat", response_format="url")
    assert linked.data is not None
    assert (linked.data[0].url or "").startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("field", "value"), [("prompt", ""), ("n", 11), ("n", "2"), ("size", "big")], ids=lambda value: str(value)
)
def test_a_wrong_drawing_names_its_field(http: httpx.Client, field: str, value: object) -> None:
    body = {"model": "chutes/FLUX.1-schnell", "prompt": "a cat", field: value}
    reply = http.post("/v1/images/generations", json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, field)


def test_edited_pictures(gateway: RunningGateway, platform: PlatformProcess) -> None:
    """The stand-in gives back the first picture that it got."""
    cat, dog = picture(text="cat"), picture("JPEG", text="dog")
    images = [("cat.png", cat), ("dog.jpg", dog)]
    edited = gateway.client().images.edit(model="chutes/qwen-image-edit-2509", image=images, prompt="a hat", n=2)
    assert [base64.b64decode(one.b64_json or "") for one in edited.data or []] == [cat, cat]


@pytest.mark.parametrize(
    ("model", "count", "words"),
    [("FLUX.1-schnell", 1, "takes no images: it only draws."), ("qwen-image-edit-2509", 4, "takes at most 3 images.")],
)
def test_what_a_chute_does_not_take_is_not_sent(http: httpx.Client, model: str, count: int, words: str) -> None:
    files = [("image[]", ("cat.png", picture()))] * count
    reply = http.post("/v1/images/edits", data={"model": f"chutes/{model}", "prompt": "a hat"}, files=files)
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "unsupported_operation")
    assert words in reply.json()["error"]["message"]


def test_text_to_speech(gateway: RunningGateway, platform: PlatformProcess) -> None:
    reply = gateway.client().audio.speech.create(model="chutes/kokoro", voice="alloy", input="hello")
    assert reply.content[:4] == b"RIFF"
    assert reply.response.headers["content-type"] == "audio/wav"
    assert reply.response.headers["x-chutes-invocationid"]


def test_a_chute_that_does_not_exist_is_not_asked_for_at_a_guessed_host(http: httpx.Client) -> None:
    reply = http.post("/v1/audio/speech", json={"model": "chutes/no-such-voice", "input": "hello"})
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "model_not_found"
    assert "no-such-voice" in reply.json()["error"]["message"]


def test_a_chute_that_the_shared_host_does_not_know_is_asked_at_its_own(
    http: httpx.Client, platform: PlatformProcess
) -> None:
    """Its own host says that it has no chat, which only that host can."""
    body = {"model": "chutes/kokoro", "messages": [{"role": "user", "content": "hi"}]}
    reply = http.post("/v1/chat/completions", json=body)
    assert reply.json()["error"]["code"] == "upstream_endpoint_missing"
    assert reply.json()["error"]["message"] == "The chute of 'kokoro' does not have this endpoint."


def test_thinking(http: httpx.Client) -> None:
    body = {"model": f"chutes/{R1}:THINKING", "messages": [{"role": "user", "content": "hi"}]}
    reply = http.post("/v1/chat/completions", json=body)
    assert "reasoning_content" in reply.json()["choices"][0]["message"]


def test_the_provider_test_checks_the_key_and_not_the_public_list(
    http: httpx.Client, platform: PlatformProcess
) -> None:
    platform.fault("GET /users/me=401:Invalid key")
    refused = http.post("/api/admin/providers/chutes/test").json()
    assert refused["ok"] is False
    platform.clear_faults()
    assert http.post("/api/admin/providers/chutes/test").json()["ok"] is True


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="


def test_what_the_catalog_lists_at_an_emulated_platform_is_asked_there(start: Start) -> None:
    """Its own lists have no hosts at chutes.ai."""
    gateway = start(catalog={"refresh": "on"}, wait=False)
    until = time.monotonic() + 30
    with gateway.http() as http:
        while "kokoro" not in {model["id"] for model in http.get("/v1/models").json()["data"]}:
            assert time.monotonic() < until
            time.sleep(0.1)
        for model in ("Qwen/Qwen3-Embedding-8B", "chutes/Qwen/Qwen3-Embedding-8B"):
            reply = http.post("/v1/embeddings", json={"model": model, "input": "x"})
            assert reply.status_code == 200, reply.text
        assert http.post("/v1/audio/speech", json={"model": "kokoro", "input": "Hi"}).content.startswith(b"RIFF")
