"""What providers answer beside the letter of the chat completion, read where its meaning is clear."""

import json
from typing import Any

import pytest

from gateway.dialects.chat import Chat, Tokens, read_chat
from gateway.errors import UpstreamBadResponse


def read(message: dict[str, Any], **chat: Any) -> Chat:
    return read_chat(json.dumps({"choices": [{"index": 0, "message": message}], **chat}).encode())


def said(message: dict[str, Any]) -> Any:
    choice = read(message).choice
    assert choice is not None
    return choice.said


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Hi", "tool_calls": None, "refusal": None, "reasoning": None, "reasoning_content": None},
        {"content": "Hi", "refusal": False, "reasoning": {"effort": "low"}, "reasoning_content": []},
        {"content": "Hi", "tool_calls": [None, {"function": None}, {"index": 0, "id": "", "function": {"name": ""}}]},
        {"content": ["H", {"type": "text", "text": "i"}, {"type": "text", "text": None}, {"type": "image"}]},
        {"content": {"type": "text", "text": "Hi"}},
    ],
)
def test_an_answer_of_words_alone(message: dict[str, Any]) -> None:
    found = said(message)
    assert (found.text, found.thoughts, found.refusal, found.calls) == ("Hi", "", "", [])


def test_a_refusal_without_content() -> None:
    found = said({"content": None, "refusal": "No."})
    assert (found.text, found.refusal) == ("", "No.")


def test_thoughts_among_the_parts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}, {"type": "text", "text": "m."}]}
    found = said({"content": [thinking, {"type": "text", "text": "Hi"}]})
    assert (found.thoughts, found.text) == ("Hmm.", "Hi")


@pytest.mark.parametrize(("id", "told"), [(7, "7"), ("", None), (None, None), ("c1", "c1")])
def test_ids_of_calls(id: Any, told: str | None) -> None:
    (call,) = said({"tool_calls": [{"id": id, "function": {"name": "look", "arguments": None}}]}).calls
    assert (call.id, call.name, call.text) == (told, "look", "")


@pytest.mark.parametrize(
    "odd",
    [
        {
            "id": None,
            "created": "2026-11-20T10:00:00Z",
            "model": None,
            "usage": [],
            "service_tier": 1,
            "gateway": "east",
        },
        {"id": {}, "created": None, "model": 4, "usage": "", "service_tier": {}, "gateway": {"restart": 1}},
    ],
)
def test_what_only_describes_the_answer(odd: dict[str, Any]) -> None:
    chat = read({"content": "Hi"}, **odd)
    assert (chat.name, chat.moment, chat.answerer, chat.tokens, chat.tier) == ("", None, "", None, None)
    assert not chat.restarts


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({}, Tokens()),
        ({"prompt_tokens": 9.0, "completion_tokens": 5, "prompt_tokens_details": None}, Tokens(9, 5)),
        ({"prompt_tokens": 9, "completion_tokens": None, "prompt_tokens_details": []}, Tokens(9)),
        ({"prompt_tokens": 9, "completion_tokens": -1, "prompt_cache_hit_tokens": 4}, Tokens(9, None, 4)),
        ({"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 4}, Tokens(9, 5, 4)),
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 2}},
            Tokens(9, 5, 0, 2),
        ),
    ],
)
def test_what_it_used(usage: dict[str, Any], tokens: Tokens) -> None:
    assert read({"content": "Hi"}, usage=usage).tokens == tokens


@pytest.mark.parametrize(
    "message", [{"content": 7}, {"tool_calls": [{"function": {"name": "look", "arguments": [1]}}]}, {"tool_calls": "x"}]
)
def test_what_would_be_another_answer_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(UpstreamBadResponse):
        read(message)
