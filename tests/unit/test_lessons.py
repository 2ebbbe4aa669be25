"""What models refuse that others take: asked again otherwise, and at once so from then on."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from gateway.errors import UpstreamError, UpstreamRefused
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.operations import CHAT, EMBEDDINGS, Operation
from gateway.providers.base import Endpoint, Provider, ProviderAdapter, ProviderType
from gateway.providers.registry import build_adapters
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes import answers
from tests.fakes.http_server import Exchange
from tests.fakes.upstream import Upstream

Document = dict[str, Any]

USER = {"role": "user", "content": "hi"}
LONG, SHORT = "chatcmpl-tool-" + 32 * "0", "c47e36535"
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def called(id: str, **more: Any) -> Document:
    call = {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def result(id: str, content: Any = "4") -> Document:
    return {"role": "tool", "tool_call_id": id, "content": content}


def told(*messages: Document, **fields: Any) -> Document:
    return {"messages": [*messages], **fields}


UNSIGNED = {"google": {"thought_signature": "skip_thought_signature_validator"}}
SIGNED = {"extra_content": {"google": {"thought_signature": "QUJD"}}}


def extra(*names: str) -> Document:
    """As Mistral tells of fields that it does not know."""
    detail = [{"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}
              for name in names]  # fmt: skip
    return {"object": "error", "message": {"detail": detail}, "type": "invalid_request_error"}


def error(message: str, **more: Any) -> Document:
    return {"error": {"message": message, **more}}


LESSONS: dict[str, tuple[int, Document, Document, Document]] = {
    "the older name of a bound": (
        422, extra("max_completion_tokens"),
        told(USER, max_completion_tokens=7, top_p=0.5),
        told(USER, max_tokens=7, top_p=0.5),
    ),
    "the newer name beside the older": (
        400, error("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                   "instead.", param="max_tokens"),
        told(USER, max_tokens=7, max_completion_tokens=8),
        told(USER, max_completion_tokens=8),
    ),
    "developers, at DeepSeek": (
        400, error("Failed to deserialize the JSON body into the target type: messages[0].role: unknown variant "
                   "`developer`, expected one of `system`, `user`, `assistant`, `tool` at line 1 column 85"),
        told({"role": "developer", "content": "be brief", "name": "d"}, USER),
        told({"role": "system", "content": "be brief", "name": "d"}, USER),
    ),
    "developers, in a template": (
        400, {"object": "error", "message": "Unexpected message role.", "type": "BadRequestError", "code": 400},
        told({"role": "developer", "content": "be brief"}, USER),
        told({"role": "system", "content": "be brief"}, USER),
    ),
    "developers, at llama.cpp": (
        500, error("Jinja Exception: Unexpected message role.", code=500),
        told({"role": "developer", "content": "be brief"}, USER),
        told({"role": "system", "content": "be brief"}, USER),
    ),
    "the system in the midst": (
        400, error("System message must be at the beginning."),
        told({"role": "system", "content": "a"}, {"role": "system", "content": [{"type": "text", "text": "b"}]}, USER,
             {"role": "assistant", "content": "hello"}, {"role": "system", "content": "c"}, USER),
        told({"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, USER,
             {"role": "assistant", "content": "hello"},
             {"role": "user", "content": "<system-reminder>\nc\n</system-reminder>\n\nhi"}),
    ),
    "one side twice in a row": (
        400, error("Conversation roles must alternate user/assistant/user/assistant/..."),
        told(USER, {"role": "user", "content": "there"}, {"role": "assistant", "content": "a"},
             {"role": "assistant", "content": "b", "prefix": True}),
        told({"role": "user", "content": "hi\n\nthere"}, {"role": "assistant", "content": "a\n\nb", "prefix": True}),
    ),
    "ids of calls, at Mistral": (
        400, {"object": "error", "message": f"Tool call id was {LONG} but must be a-z, A-Z, 0-9, with a length of 9.",
              "type": "invalid_function_call", "code": "3280", "raw_status_code": 400},
        told(USER, called(LONG), result(LONG), called("abcdefghi"), result("abcdefghi"), tools=TOOLS),
        told(USER, called(SHORT), result(SHORT), called("abcdefghi"), result("abcdefghi"), tools=TOOLS),
    ),
    "ids of calls, at OpenAI": (
        400, error("Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with maximum length 40, "
                   "but got a string with length 46 instead.", param="messages[1].tool_calls[0].id"),
        told(USER, called(LONG), result(LONG)),
        told(USER, called(SHORT), result(SHORT)),
    ),
    "ids of calls, at Anthropic": (
        400, error("messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"),
        told(USER, called("functions.f:0"), result("functions.f:0")),
        told(USER, called("da941ce55"), result("da941ce55")),
    ),
    "texts in a list": (
        400, error("Failed to deserialize the JSON body into the target type: messages[3]: invalid type: sequence, "
                   "expected a string at line 1 column 9837"),
        told({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, called("c"),
             result("c", [{"type": "text", "text": "4"}])),
        told({"role": "user", "content": "a\nb"}, {**called("c"), "content": ""}, result("c")),
    ),
    "no content": (
        400, error("Failed to deserialize the JSON body into the target type: messages[1]: missing field `content`"),
        told(USER, {name: value for name, value in called("c").items() if name != "content"}, result("c")),
        told(USER, {**called("c"), "content": ""}, result("c")),
    ),
    "thoughts, at DeepSeek": (
        400, error("The `reasoning_content` in the thinking mode must be passed back to the API."),
        told(USER, {**called("c"), "reasoning": "so"}, result("c"), {"role": "assistant", "content": "4"}, USER),
        told(USER, {**called("c"), "reasoning": "so", "reasoning_content": "so"}, result("c"),
             {"role": "assistant", "content": "4", "reasoning_content": " "}, USER),
    ),
    "thoughts, at Kimi": (
        400, error("thinking is enabled but reasoning_content is missing in assistant tool call message at index 1"),
        told(USER, {**called("c"), "reasoning_content": ""}, result("c")),
        told(USER, {**called("c"), "reasoning_content": " "}, result("c")),
    ),
    "thoughts, at DeepSeek before": (
        400, error("Missing `reasoning_content` field in the assistant message at message index 1"),
        told(USER, called("c"), result("c")),
        told(USER, {**called("c"), "reasoning_content": " "}, result("c")),
    ),
    "signatures, at Gemini": (
        400, error("Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                   "work correctly. Additional data, function call `default_api:f` , position 2.", code=400),
        told(USER, called("c"), result("c"), called("d", **SIGNED), result("d")),
        told(USER, called("c", extra_content=UNSIGNED), result("c"), called("d", **SIGNED), result("d")),
    ),
    "calls of nothing": (
        400, error("Invalid 'messages[1].tool_calls': empty array. Expected an array with minimum length 1, but got an "
                   "empty array instead.", param="messages[1].tool_calls"),
        told(USER, {"role": "assistant", "content": "a", "tool_calls": []}, USER),
        told(USER, {"role": "assistant", "content": "a"}, USER),
    ),
    "no tools": (
        400, error("[] is too short - 'tools'"),
        told(USER, tools=[], tool_choice="auto", parallel_tool_calls=False),
        told(USER),
    ),
    "no tools, at vLLM": (
        400, error("`tools` must not be an empty array. Either provide at least one tool or omit the field entirely."),
        told(USER, tools=[]),
        told(USER),
    ),
}  # fmt: skip


@pytest.fixture
async def adapter() -> AsyncIterator[ProviderAdapter]:
    transport = PooledTransport(AddressPolicy(allow_private=True))
    yield build_adapters(transport)["openai"]
    await transport.aclose()


@pytest.fixture
def refusing(upstream: Upstream) -> Iterator[Callable[[Callable[[Document], Any], int, Any], None]]:
    """`refusing(wrong, status, body)`: so it answers what is `wrong`."""
    own = upstream.server.handler

    def refuse(wrong: Callable[[Document], Any], status: int, body: Any) -> None:
        async def answer(exchange: Exchange) -> None:
            found = wrong(exchange.request.json)
            if found:
                exchange.send_json(status, body(found) if callable(body) else body)
            else:
                await answers.BY_PATH[exchange.request.path](upstream, exchange)

        upstream.server.handler = answer

    yield refuse
    upstream.server.handler = own


def provider(upstream: Upstream) -> Provider:
    return Provider("p", ProviderType.OPENAI, upstream.url)


async def ask(
    adapter: ProviderAdapter, to: Provider, document: Document, operation: Operation = CHAT, model: str = "gpt-x"
) -> Reply:
    call = Call(operation, "m", "req", 0.0, json.dumps({"model": "m", **document}).encode())
    return await adapter.send(Endpoint(to, model), call)


def asked(upstream: Upstream) -> list[Document]:
    return [{name: value for name, value in one.json.items() if name != "model"} for one in upstream.requests]


@pytest.mark.parametrize("name", LESSONS)
async def test_what_a_model_refuses_it_is_asked_otherwise(
    adapter: ProviderAdapter, upstream: Upstream, refusing: Any, name: str
) -> None:
    status, body, document, otherwise = LESSONS[name]
    refusing(lambda found: {**found, "model": 0} == {**document, "model": 0}, status, body)
    to = provider(upstream)
    for _ in range(2):
        assert (await ask(adapter, to, document)).status == 200
    assert asked(upstream) == [document, otherwise, otherwise], "asked once more, and from then on at once so"
    upstream.requests.clear()
    await ask(adapter, to, document, model="gpt-y")
    assert asked(upstream)[0] == document, "the other model has refused nothing"


@pytest.mark.parametrize("name", LESSONS)
async def test_what_is_in_order_stays_as_it_was_asked(
    adapter: ProviderAdapter, upstream: Upstream, refusing: Any, name: str
) -> None:
    """Nothing of it can be asked otherwise, so it is not asked again."""
    status, body, _, otherwise = LESSONS[name]
    refusing(lambda _: True, status, body)
    with pytest.raises((UpstreamRefused, UpstreamError)):
        await ask(adapter, provider(upstream), otherwise)
    assert asked(upstream) == [otherwise]


async def test_one_lesson_after_the_other(adapter: ProviderAdapter, upstream: Upstream, refusing: Any) -> None:
    def wrong(document: Document) -> str:
        roles = [message["role"] for message in document["messages"]]
        return "Unexpected message role." if "developer" in roles else (
            "System message must be at the beginning." if "system" in roles[1:] else "")  # fmt: skip

    refusing(wrong, 400, error)
    to, late = provider(upstream), {"role": "developer", "content": "be brief"}
    document = told({"role": "system", "content": "a"}, USER, late)
    for _ in range(2):
        await ask(adapter, to, document)
    otherwise = {"role": "user", "content": "hi\n\n<system-reminder>\nbe brief\n</system-reminder>"}
    assert len(upstream.requests) == 4
    assert asked(upstream)[2:] == 2 * [told({"role": "system", "content": "a"}, otherwise)]


async def test_pictures_stay_where_contents_change(adapter: ProviderAdapter, upstream: Upstream, refusing: Any) -> None:
    refusing(lambda found: len(found["messages"]) > 1, 400, error("roles must alternate"))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "QUJD" * 3000}}
    await ask(adapter, provider(upstream), told(USER, {"role": "user", "content": [picture]}))
    assert asked(upstream)[-1] == told({"role": "user", "content": [{"type": "text", "text": "hi"}, picture]})


async def test_a_provider_that_refuses_either_name_is_not_asked_for_ever(
    adapter: ProviderAdapter, upstream: Upstream, refusing: Any
) -> None:
    refusing(lambda found: next(name for name in found if name.startswith("max_")), 400,
             lambda name: error(f"Unsupported parameter '{name}'. Use 'max_completion_tokens' instead."))  # fmt: skip
    with pytest.raises(UpstreamRefused):
        await ask(adapter, provider(upstream), told(USER, max_tokens=7))
    assert len(upstream.requests) < 4


# --- fields of the request that change no answer ---


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (422, extra),
        (400, lambda name: error(f"Unrecognized request argument supplied: {name}")),
        (400, lambda name: error(f"Unsupported parameter: '{name}' is not supported with this model.", param=name)),
        (400, lambda name: error(f'json: unknown field "{name}"')),
    ],
)
async def test_a_field_that_changes_no_answer_is_left_out(
    adapter: ProviderAdapter, upstream: Upstream, refusing: Any, status: int, refusal: Any
) -> None:
    known = ("model", "messages", "seed")
    refusing(lambda found: next((name for name in found if name not in known), None), status, refusal)
    spare = {"store": False, "a(": None, "metadata": {"a": "b"}, "user": "anna", "n": 1, "frequency_penalty": 0.0,
             "stop": None, "parallel_tool_calls": True, "logit_bias": {}, "prompt_cache_key": "k"}  # fmt: skip
    to = provider(upstream)
    for _ in range(2):
        await ask(adapter, to, told(USER, **spare, seed=1))
    assert len(upstream.requests) == len(spare) + 2
    assert asked(upstream)[-1] == told(USER, seed=1)


@pytest.mark.parametrize(
    "field", [{"n": 2}, {"temperature": 0.2}, {"parallel_tool_calls": False}, {"service_tier": "flex"}, {"top_k": 1}]
)
async def test_a_field_that_asks_for_something_is_never_left_out(
    adapter: ProviderAdapter, upstream: Upstream, refusing: Any, field: Document
) -> None:
    name = next(iter(field))
    refusing(lambda found: name in found, 422, extra(name))
    to = provider(upstream)
    with pytest.raises(UpstreamRefused, match=f"{name}: Extra inputs"):
        await ask(adapter, to, told(USER, **field))
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("field", ["messages", "model"])
async def test_what_makes_the_request_is_never_left_out(
    adapter: ProviderAdapter, upstream: Upstream, refusing: Any, field: str
) -> None:
    refusing(lambda _: True, 400, error(f"Unsupported value: '{field}'.", param=field))
    with pytest.raises(UpstreamRefused):
        await ask(adapter, provider(upstream), told())
    assert len(upstream.requests) == 1


async def test_a_field_is_left_out_only_where_it_asks_for_nothing(
    adapter: ProviderAdapter, upstream: Upstream, refusing: Any
) -> None:
    refusing(lambda found: found.get("n"), 422, extra("n"))
    to = provider(upstream)
    await ask(adapter, to, told(USER, n=1))
    with pytest.raises(UpstreamRefused):
        await ask(adapter, to, told(USER, n=2))
    assert [document.get("n") for document in asked(upstream)] == [1, None, 2]


# --- vectors ---


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"object": "error", "message": "base64 encoding is not currently supported", "code": 400}),
        (422, extra("encoding_format")),
        (200, {"object": "list", "data": [], "model": "m"}),
        (200, {"object": "list", "data": [{"index": 0, "embedding": []}], "model": "m"}),
    ],
    ids=["vLLM", "unknown", "OpenRouter", "empty"],
)
async def test_vectors_are_asked_for_in_the_encoding_that_everybody_has(
    adapter: ProviderAdapter, upstream: Upstream, refusing: Any, status: int, body: Document
) -> None:
    """OpenAI's clients ask for base64 where their callers say nothing."""
    refusing(lambda found: found.get("encoding_format") == "base64", status, body)
    to = provider(upstream)
    for _ in range(2):
        reply = await ask(adapter, to, {"input": "a", "encoding_format": "base64"}, EMBEDDINGS)
        assert isinstance(reply.body, bytes)
        assert isinstance(json.loads(reply.body)["data"][0]["embedding"], str), "as it was asked for"
    assert [document.get("encoding_format") for document in asked(upstream)] == ["base64", None, None]


@pytest.mark.parametrize("asks", [{}, {"encoding_format": "float"}])
async def test_an_answer_without_vectors_is_asked_for_once_where_nothing_can_be_otherwise(
    adapter: ProviderAdapter, upstream: Upstream, refusing: Any, asks: Document
) -> None:
    refusing(lambda _: True, 200, {"object": "list", "data": [], "model": "m"})
    with pytest.raises(UpstreamError, match="lacks vectors"):
        await ask(adapter, provider(upstream), {"input": "a", **asks}, EMBEDDINGS)
    assert len(upstream.requests) == 1
