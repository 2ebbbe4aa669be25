"""Chutes' routing strings, resolved by us for every kind of model and for local ones too."""

import json
from typing import Any

import pytest

from gateway.errors import ConfigError, ModelNotFound
from gateway.openai_api.call import Call
from gateway.openai_api.operations import CHAT, EMBEDDINGS, OCR, TRANSCRIPTIONS, ModelType
from gateway.providers.base import Provider, ProviderType
from gateway.providers.engines import NoEngines
from gateway.routing.resolve import resolve
from gateway.routing.thinking import thoughtful
from gateway.routing.types import Policy, Route, Target
from gateway.settings import Settings
from gateway.state import Snapshot, build_snapshot

UUID = "6f1a2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b"
PROVIDERS = {
    "chat": Provider("chat", ProviderType.LOCAL),
    "lab": Provider("lab", ProviderType.OPENAI, "https://lab.example/v1"),
    "mine": Provider("mine", ProviderType.OPENAI, "http://10.0.0.5:8000/v1"),
    "router": Provider("router", ProviderType.OPENAI, "https://openrouter.ai/api/v1"),
    "chutes": Provider("chutes", ProviderType.CHUTES, "https://llm.chutes.ai"),
}
ROUTES = {
    "demo": Route("demo", (Target("chat", "demo"),), type=ModelType.CHAT),
    "big": Route("big", (Target("lab", "big"), Target("chutes", "org/big", 1))),
    "vectors": Route("vectors", (Target("lab", "vectors"),), type=ModelType.EMBEDDING),
    "ears": Route("ears", (Target("chutes", "whisper"),), type=ModelType.TRANSCRIPTION),
}


def names(**more: Any) -> Snapshot:
    return Snapshot(**{"revision": 1, "providers": PROVIDERS, "routes": ROUTES, "aliases": {}, "callers": {}, **more})


def found(model: str, **more: Any) -> list[str]:
    return [f"{target.provider_id}/{target.upstream_model}" for target in resolve(model, names(**more)).targets]


def test_default_is_the_first_that_fits_the_endpoint() -> None:
    known = names(defaults=("vectors", "demo", "ears"))
    assert resolve("default", known, CHAT).id == "demo"
    assert resolve("default", known, EMBEDDINGS).id == "vectors"
    assert resolve("default", known, TRANSCRIPTIONS).id == "ears"
    assert resolve("default", known, OCR).id == "demo", "a chat model may see"
    assert resolve("default:latency", known, CHAT).policy is Policy.LOWEST_LATENCY
    assert resolve("default", names(defaults=("big",)), EMBEDDINGS).id == "big", "nobody declared its type"
    with pytest.raises(ModelNotFound):
        resolve("default", names(), CHAT)


@pytest.mark.parametrize("model", ["big,big,big", "big,lab/big,big", "big,big:latency", "big,big:THINKING"])
def test_a_target_stands_once_in_a_list_however_often_it_is_named(model: str) -> None:
    assert found(model) == ["lab/big", "chutes/org/big"]


def test_a_route_that_is_called_default_wins() -> None:
    named = {**ROUTES, "default": Route("default", (Target("lab", "x"),))}
    assert resolve("default", names(defaults=("demo",), routes=named), CHAT).id == "default"


def test_a_default_that_leads_nowhere_is_refused_at_start() -> None:
    settings = Settings.model_validate({"default_model": "nothing"})
    with pytest.raises(ConfigError, match="default_model: there is no model 'nothing'"):
        build_snapshot(settings, NoEngines(), "sk-master-0123456789abcdef")


def test_a_uuid_is_a_chute_with_and_without_the_providers_name() -> None:
    assert found(UUID) == found(f"chutes/{UUID}") == [f"chutes/{UUID}"]
    assert resolve(UUID, names()).id == resolve(f"chutes/{UUID}", names()).id == f"chutes/{UUID}", "one fence for both"
    with pytest.raises(ModelNotFound):
        resolve(UUID, names(providers={"lab": PROVIDERS["lab"]}))
    with pytest.raises(ModelNotFound):
        resolve(UUID[:-1], names())


def test_the_host_of_one_chute_is_not_asked_for_the_models_of_others() -> None:
    one = Provider("one", ProviderType.CHUTES, "https://me-my-chute.chutes.ai")
    for shared in (PROVIDERS["chutes"], Provider("chutes", ProviderType.CHUTES)):
        assert found(UUID, providers={"one": one, "chutes": shared}) == [f"chutes/{UUID}"]
    assert found(UUID, providers={"one": one}) == [f"one/{UUID}"]


def test_what_chutes_calls_otherwise_is_looked_up() -> None:
    aliases = {"my-model": ("org/a", "org/b"), UUID: ("org/c",)}
    assert found("my-model", upstream_aliases=aliases) == ["chutes/org/a", "chutes/org/b"]
    assert found("chutes/my-model", upstream_aliases=aliases) == ["chutes/org/a", "chutes/org/b"]
    assert found(UUID, upstream_aliases=aliases) == ["chutes/org/c"]
    assert found("demo", upstream_aliases={"demo": ("org/x",)}) == ["chat/demo"], "our own names win"


@pytest.mark.parametrize(
    ("model", "targets"),
    [
        ("demo,big", ["chat/demo", "lab/big", "chutes/org/big"]),
        ("lab/x,chutes/y", ["lab/x", "chutes/y"]),
        ("lab/x , demo:latency", ["lab/x", "chat/demo"]),
        ("vectors,lab/other:throughput", ["lab/vectors", "lab/other"]),
        ("lab/some:free", ["lab/some:free"]),
    ],
)
def test_lists_work_for_every_kind_of_name(model: str, targets: list[str]) -> None:
    assert found(model) == targets


def test_thinking_goes_to_those_who_were_asked_to_think() -> None:
    assert [t.thinking for t in resolve("big:THINKING", names()).targets] == [True, True]
    assert resolve("big:THINKING", names()).id == "big", "the fence of a key sees the model"
    assert [t.thinking for t in resolve("demo:THINKING,lab/x", names()).targets] == [True, False]
    route = resolve("demo,lab/x:THINKING:latency", names())
    assert [t.thinking for t in route.targets] == [True, True] and route.policy is Policy.LOWEST_LATENCY
    assert resolve("chutes/org/a:THINKING", names()).targets == (Target("chutes", "org/a", thinking=True),)
    for wrong in (":THINKING", "nothing:THINKING", "big:thinking"):
        with pytest.raises(ModelNotFound):
            resolve(wrong, names())


def sent(provider: str, **more: Any) -> tuple[str, dict[str, Any]]:
    call = Call(CHAT, "m", "req-1", 0.0, body=json.dumps({"model": "m", "messages": [], **more}).encode())
    model, changed = thoughtful(call, Target(provider, "m", thinking=True), PROVIDERS[provider])
    return model, {key: value for key, value in json.loads(changed.body).items() if key not in ("model", "messages")}


def test_each_kind_of_upstream_is_asked_to_think_in_its_own_way() -> None:
    assert sent("chutes") == ("m:THINKING", {})
    assert sent("chat") == ("m", {"chat_template_kwargs": {"enable_thinking": True}})
    assert sent("mine") == ("m", {"chat_template_kwargs": {"enable_thinking": True}})
    assert sent("router") == ("m", {"reasoning": {"enabled": True}})
    assert sent("lab") == ("m", {}), "nothing is known of it"


def test_what_the_caller_says_of_thinking_wins() -> None:
    own = {"chat_template_kwargs": {"enable_thinking": False, "thinking_budget": 5}}
    assert sent("chat", **own) == ("m", own)
    assert sent("chat", chat_template_kwargs={"thinking_budget": 5})[1]["chat_template_kwargs"] == {
        "enable_thinking": True,
        "thinking_budget": 5,
    }
    assert sent("chat", chat_template_kwargs=3) == ("m", {"chat_template_kwargs": 3})


def test_only_chats_think() -> None:
    call = Call(EMBEDDINGS, "m", "req-1", 0.0, body=b'{"input":"x"}')
    assert thoughtful(call, Target("chutes", "m"), PROVIDERS["chutes"]) == ("m", call)
