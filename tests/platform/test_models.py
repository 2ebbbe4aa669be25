"""The llm host and the chute hosts of the stand-ins, in the contract's shapes (A002-23, A002-27, A002-29).

Rows of docs/acceptance.md: A000-23, A002-14.
"""

import base64

import httpx
import pytest
from openai import NotFoundError, OpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.node.client import run_client
from tests.platform.process import BEARER, KEY, PlatformProcess

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "good morning"}]
R1, V3 = "deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-V3-0324"


def ask(platform: PlatformProcess, model: str, **more: object) -> httpx.Response:
    body = {"model": model, "messages": MESSAGES, **more}
    return httpx.post(f"{platform.llm}/v1/chat/completions", json=body, headers=BEARER)


def test_the_python_client_in_both_modes(platform: PlatformProcess) -> None:
    client = OpenAI(base_url=f"{platform.llm}/v1", api_key=KEY, max_retries=0)
    whole = client.chat.completions.create(model=V3, messages=MESSAGES)
    assert whole.choices[0].message.content == "You said: good morning"
    parts = list(
        client.chat.completions.create(model=V3, messages=MESSAGES, stream=True, stream_options={"include_usage": True})
    )
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == "You said: good morning"
    assert parts[-1].usage is not None
    assert client.completions.create(model=V3, prompt="Once").choices[0].text == "Once and so on"
    with pytest.raises(NotFoundError, match="404") as missing:
        client.chat.completions.create(model="nope", messages=MESSAGES)
    assert missing.value.response.json() == {"detail": "model not found: nope"}


@pytest.mark.node
def test_the_node_client(platform: PlatformProcess) -> None:
    found = run_client(f"{platform.llm}/v1", KEY, chat=V3, question="good morning")
    assert found["chat"]["whole"] == found["chat"]["streamed"] == "You said: good morning"
    assert found["refusal"]["status"] == 404
    assert V3 in found["models"]


def test_the_model_list_is_public_and_partly_without_prices(platform: PlatformProcess) -> None:
    models = httpx.get(f"{platform.llm}/v1/models").json()["data"]
    by_name = {model["id"]: model for model in models}
    assert by_name[R1]["pricing"]["completion"] == 1.2
    assert "price" not in by_name["unsloth/gemma-3-4b-it"]
    assert by_name["Qwen/Qwen3-32B-TEE"]["confidential_compute"] is True
    assert not [name for name in by_name if "whisper" in name or "Embedding" in name]


def test_thinking_is_asked_for(platform: PlatformProcess) -> None:
    def thought(reply: httpx.Response) -> bool:
        return "reasoning_content" in reply.json()["choices"][0]["message"]

    assert not thought(ask(platform, R1))
    assert thought(ask(platform, f"{R1}:THINKING"))
    body = {"model": R1, "messages": MESSAGES}
    headers = {**BEARER, "X-Enable-Thinking": "true"}
    assert thought(httpx.post(f"{platform.llm}/v1/chat/completions", json=body, headers=headers))


def test_a_list_fails_over_and_a_suffix_orders_it(platform: PlatformProcess) -> None:
    assert ask(platform, f"{R1},{V3}").json()["model"] == R1
    platform.set_chute(R1, hot=False)
    assert ask(platform, f"{R1},{V3}").json()["model"] == V3
    assert ask(platform, R1).status_code == 503
    platform.set_chute(R1, hot=True, ttft=0.01, tps=1.0)
    assert ask(platform, f"{V3},{R1}:latency").json()["model"] == R1
    assert ask(platform, f"{R1},{V3}:throughput").json()["model"] == V3
    platform.set_chute(R1, ttft=0.4, tps=60.0)
    assert ask(platform, "default").status_code == 200
    assert ask(platform, platform.get(f"/chutes/{V3}")["chute_id"]).json()["model"] == V3


@pytest.mark.parametrize(
    ("figures", "status", "words"),
    [
        ({"maintenance": True}, 429, "maintenance"),
        ({"utilization": 1.0}, 429, "maximum capacity"),
        ({"hot": False}, 503, "No instances available (yet)"),
    ],
)
def test_a_chute_that_cannot_answer_says_why(
    platform: PlatformProcess, figures: dict[str, object], status: int, words: str
) -> None:
    platform.set_chute(R1, **figures)
    reply = ask(platform, R1)
    platform.set_chute(R1, maintenance=False, utilization=0.3, hot=True)
    assert reply.status_code == status
    assert words in reply.json()["detail"]


def test_the_edge_cuts_with_a_page(platform: PlatformProcess) -> None:
    platform.fault("POST /v1/chat/completions=504*1")
    reply = ask(platform, R1)
    assert (reply.status_code, reply.headers["content-type"]) == (504, "text/html; charset=utf-8")


def test_every_kind_of_chute_answers_in_its_own_shape(platform: PlatformProcess) -> None:
    data = base64.b64encode(b"12345").decode()

    def post(slug: str, path: str, body: dict[str, object]) -> httpx.Response:
        return httpx.post(platform.hosts[slug] + path, json=body, headers=BEARER).raise_for_status()

    segments = post("chutes-whisper-large-v3", "/transcribe", {"audio_b64": data, "language": "en"}).json()
    assert [sorted(segment) for segment in segments] == [["end", "start", "text"]] * 2
    assert post("chutes-rednote-hilab-dots-ocr", "/ocr", {"image_b64": data}).json() == {"text": "A page of 5 bytes."}
    row = post("chutes-qwen-qwen3-embedding-8b", "/v1/embeddings", {"input": ["a b", "a b"], "model": "x"}).json()[
        "data"
    ]
    assert row[0]["embedding"] == row[1]["embedding"]
    assert post("chutes-kokoro", "/speak", {"text": "hi"}).content[:4] == b"RIFF"
    assert post("chutes-flux-1-schnell", "/generate", {"prompt": "a cat"}).headers["content-type"] == "image/png"
    ranked = post(
        "chutes-bge-reranker-v2-m3", "/rerank", {"query": "blue sky", "texts": ["green", "a blue sky"]}
    ).json()
    assert ranked[0]["index"] == 1
    wrong = httpx.post(platform.hosts["chutes-whisper-large-v3"] + "/v1/audio/transcriptions", json={}, headers=BEARER)
    assert wrong.status_code == 404


def test_hosts_are_also_known_by_name(platform: PlatformProcess) -> None:
    models = httpx.get(f"{platform.api}/v1/models", headers={"Host": "llm.chutes.ai"}).json()
    assert models["object"] == "list"
    body = {"audio_b64": "eA=="}
    headers = {**BEARER, "Host": "chutes-whisper-large-v3.chutes.ai"}
    assert httpx.post(f"{platform.api}/transcribe", json=body, headers=headers).status_code == 200


@pytest.mark.parametrize("body", [b"[1]", b"{", b'"text"'])
def test_only_json_objects_are_carried(platform: PlatformProcess, body: bytes) -> None:
    reply = httpx.post(platform.hosts["chutes-kokoro"] + "/speak", content=body, headers=BEARER)
    assert reply.status_code == 400


def test_a_host_needs_a_key(platform: PlatformProcess) -> None:
    for url in (f"{platform.llm}/v1/chat/completions", platform.hosts["chutes-kokoro"] + "/speak"):
        assert httpx.post(url, json={}).status_code == 401
