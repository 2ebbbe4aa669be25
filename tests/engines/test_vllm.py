"""Real vLLM on the CPU, with the command lines that the supervisor would use."""

import orjson
import pytest

from gateway.openai_api.call import Call
from gateway.openai_api.operations import CHAT
from gateway.providers.guided import as_structured
from tests.engines.conftest import Door, Speak

pytestmark = pytest.mark.vllm
Doors = dict[str, Door]
CHOICE = {"guided_choice": ["purple", "orange"]}


async def test_chat(vllm: Doors) -> None:
    body = {"messages": [{"role": "user", "content": "What is a chute?"}], "temperature": 0, "max_tokens": 60}
    reply = (await vllm["chat"].post("/v1/chat/completions", body)).json()
    assert "chute" in reply["choices"][0]["message"]["content"].lower()
    assert reply["choices"][0]["finish_reason"] == "stop"
    chunks = await vllm["chat"].chunks("/v1/chat/completions", {**body, "stream_options": {"include_usage": True}})
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert text == reply["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"]["completion_tokens"] == reply["usage"]["completion_tokens"]


async def test_the_secret_is_asked(vllm: Doors) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}]}
    assert (await vllm["chat"].post("/v1/chat/completions", body, headers={})).status_code == 401


async def test_log_probabilities_need_no_compiler(vllm: Doors) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}], "logprobs": True, "top_logprobs": 2, "max_tokens": 2}
    reply = await vllm["chat"].post("/v1/chat/completions", body)
    assert reply.elapsed.total_seconds() < 30
    assert len(reply.json()["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 2


async def test_an_answer_is_held_to_a_constraint(vllm: Doors) -> None:
    call = Call(CHAT, "", "r", 0.0, orjson.dumps({"messages": [{"role": "user", "content": "hello"}], **CHOICE}))
    reply = (await vllm["chat"].post("/v1/chat/completions", orjson.loads(as_structured(call).body))).json()
    assert reply["choices"][0]["message"]["content"] in CHOICE["guided_choice"]


async def test_embedding(vllm: Doors) -> None:
    texts = ["a cat sits", "a kitten is sitting", "stock prices fell sharply"]
    data = (await vllm["embedding"].post("/v1/embeddings", {"input": texts})).json()["data"]
    cat, kitten, stocks = (item["embedding"] for item in data)
    assert len(cat) == 384
    assert dot(cat, kitten) == pytest.approx(0.7809, abs=0.001)
    assert dot(cat, stocks) == pytest.approx(0.1050, abs=0.001)


async def test_transcription(vllm: Doors, speak: Speak) -> None:
    reply = await vllm["whisper"].send("/v1/audio/transcriptions", speak("one two three"), response_format="json")
    assert reply.json()["text"].strip() == "one two three"


def dot(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
