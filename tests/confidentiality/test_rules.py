"""Who demands what, in which words, and what is declared of whom."""

from pathlib import Path
from typing import Any

import pytest

from gateway.certify.configuration import behind
from gateway.chute.door import DoorCall, scope_of
from gateway.chute.payload import Payload, door_call
from gateway.errors import ConfigError, InvalidRequest
from gateway.explain import table
from gateway.openai_api.confidentiality import Rule, read_rule, refused, rule_of, strictest
from gateway.providers.base import Provider, ProviderType
from gateway.providers.engines import NoEngines
from gateway.routing.confidentiality import nobody_knows, unmet
from gateway.routing.resolve import resolve
from gateway.routing.types import Target
from gateway.settings import Settings
from gateway.settings.load import load_settings
from gateway.state import Snapshot, build_snapshot

TEE, LOCAL = Rule(("the key 'a'",)), Rule((), ("the model 'm'",))
URL = "https://a.example/v1"


def snapshot_of(**settings: Any) -> Snapshot:
    return build_snapshot(Settings.model_validate(settings), NoEngines(), None)


def test_rules_are_joined_with_whoever_demands_them() -> None:
    joined = strictest(TEE, None, LOCAL, TEE)
    assert joined == Rule(("the key 'a'",), ("the model 'm'",)) and str(joined) == "tee, local-only"
    assert joined.told() == "'tee: required' by the key 'a' and 'data: local-only' by the model 'm'"
    assert strictest(None, None) is None and rule_of(None, None, "x") is None
    assert str(rule_of(None, "local-only", "x")) == "local-only"


def test_a_caller_can_only_tighten() -> None:
    assert read_rule({}) is None
    found = read_rule({"x-gateway-tee": "Required", "x-gateway-data": " local-only "})
    assert found == Rule(("the header x-gateway-tee",), ("the header x-gateway-data",))
    for header, word in (("x-gateway-tee", "off"), ("x-gateway-data", "any"), ("x-gateway-tee", "")):
        with pytest.raises(InvalidRequest, match=f"'{header}' takes"):
            read_rule({header: word})


@pytest.mark.parametrize(
    ("provider", "target", "said"),
    [
        (Provider("p", ProviderType.OPENAI), Target("p", "m"), "not declared as `tee: true`"),
        (Provider("p", ProviderType.OPENAI, tee=True), Target("p", "m"), ""),
        (Provider("p", ProviderType.OPENAI, tee=True), Target("p", "m", tee=False), "declared as `tee: false`"),
        (Provider("p", ProviderType.OPENAI, tee=False), Target("p", "m", tee=True), ""),
        (Provider("e", ProviderType.LOCAL), Target("e", "m"), "not declared as `tee: true`"),
        (Provider("e", ProviderType.LOCAL), Target("e", "m", tee=True), ""),
        (Provider("p", "their-own"), Target("p", "m"), "not declared as `tee: true`"),
        (Provider("c", ProviderType.CHUTES), Target("c", "m"), "no catalog says"),
        (Provider("c", ProviderType.CHUTES, tee=True), Target("c", "m"), ""),
    ],
)
def test_a_trusted_environment_is_declared_or_known(provider: Provider, target: Target, said: str) -> None:
    found = unmet(TEE, target, provider, nobody_knows)
    assert bool(found) == bool(said) and said in found


def test_what_chutes_denies_cannot_be_declared() -> None:
    provider = Provider("c", ProviderType.CHUTES, tee=True)
    assert (
        unmet(TEE, Target("c", "m", tee=True), provider, lambda t, p: (False, "it runs outside")) == "it runs outside"
    )
    provider = Provider("c", ProviderType.CHUTES)
    assert unmet(TEE, Target("c", "m", tee=False), provider, lambda t, p: (True, ""))
    assert unmet(TEE, Target("c", "m"), provider, lambda t, p: (True, "")) == ""


def test_only_engines_of_ours_and_declared_providers_are_local() -> None:
    at_loopback = Provider("p", ProviderType.OPENAI, "http://127.0.0.1:8000")
    assert unmet(LOCAL, Target("p", "m"), at_loopback, nobody_knows) == "its provider is not declared as `data: local`"
    assert not unmet(LOCAL, Target("p", "m"), Provider("p", ProviderType.OPENAI, local=True), nobody_knows)
    assert not unmet(LOCAL, Target("e", "m"), Provider("e", ProviderType.LOCAL), nobody_knows)
    assert unmet(Rule(("x",), ("y",)), Target("e", "m"), Provider("e", ProviderType.LOCAL), nobody_knows)


def test_a_refusal_names_the_rule_who_demands_it_and_each_target() -> None:
    error = refused(TEE, "m", [("p/gpt", "why not"), ("q/gpt", "no")])
    assert error.message == (
        "No target of the model 'm' may be asked under 'tee: required' by the key 'a'. Refused: p/gpt (why not);"
        " q/gpt (no)."
    )
    assert (error.http_status, error.error_code) == (403, "confidentiality_unmet")
    assert dict(error.headers) == {"x-gateway-confidentiality": "tee"}


# --- configuration ---------------------------------------------------------------------------------------


def test_file_and_environment_say_what_everybody_models_and_keys_demand(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "confidentiality: {maxAgeMinutes: 5}\n"
        "providers:\n"
        f"  a: {{base_url: '{URL}', tee: true, data: local, models: [{{id: one, tee: false}}]}}\n"
        f"  b: {{base_url: '{URL}'}}\n"
        "models:\n"
        "  m: {tee: required, provider: a, model: gpt, fallbacks: [{provider: b, model: x, tee: true}]}\n"
        "  n: {data: local-only, targets: [{provider: a, model: y, tee: true}]}\n"
        "keys: [{name: k, key: 0123456789abcdefgh, tee: required}, {key: 0123456789abcdefghi, data: local-only}]\n"
    )
    settings = load_settings({"CONFIDENTIALITY_TEE": "required", "CONFIDENTIALITY_DATA": "local-only"}, path).settings
    assert settings.confidentiality.max_age_minutes == 5
    snapshot = build_snapshot(settings, NoEngines(), None)
    assert snapshot.rule == Rule(("the settings",), ("the settings",))
    assert (snapshot.providers["a"].tee, snapshot.providers["a"].local) == (True, True)
    assert (snapshot.providers["b"].tee, snapshot.providers["b"].local) == (None, False)
    routes = snapshot.routes
    assert routes["m"].rule == Rule(("the model 'm'",)) and [t.tee for t in routes["m"].targets] == [None, True]
    assert routes["n"].rule == Rule((), ("the model 'n'",)) and routes["n"].targets[0].tee is True
    assert routes["one"].rule is None and routes["one"].targets[0].tee is False
    found = {caller.name: caller.rule for caller in snapshot.callers.values()}
    assert found == {"k": Rule(("the key 'k'",)), "key 2": Rule((), ("the key 'key 2'",))}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("confidentiality: {tee: maybe}\n", "confidentiality.tee: Input should be 'required' (got 'maybe')"),
        (f"providers: {{a: {{base_url: '{URL}', data: home}}}}\n", "providers.a.data: Input should be 'local'"),
        (
            "providers: {chutes: {api_key: cpk_x, data: local}}\n",
            "providers.chutes.data: local is for machines of your",
        ),
        ("keys: [{key: 0123456789abcdefgh, tee: true}]\n", "keys.0.tee: Input should be 'required'"),
    ],
)
def test_other_words_are_refused_where_they_stand(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        build_snapshot(load_settings({}, path).settings, NoEngines(), None)
    assert said in caught.value.message


def test_a_list_of_models_has_the_rules_of_all() -> None:
    snapshot = snapshot_of(
        providers={"a": {"base_url": URL}},
        models={
            "m": {"provider": "a", "model": "x", "tee": "required"},
            "n": {"provider": "a", "model": "y", "data": "local-only", "aliases": ["nn"]},
        },
    )
    both = Rule(("the model 'm'",), ("the model 'n'",))
    assert resolve("m,n", snapshot).rule == resolve("n,m:latency", snapshot).rule != None  # noqa: E711
    assert resolve("m,nn:THINKING", snapshot).rule == both
    assert resolve("m:throughput", snapshot).rule == Rule(("the model 'm'",))
    assert resolve("a/other", snapshot).rule is None


# --- the chute's door -------------------------------------------------------------------------------------


def test_on_a_chute_words_in_body_or_query_stand_for_the_headers() -> None:
    body = {"model": "m", "gw_tee": "required", "gw_key": "sk-1"}
    call = door_call("POST", "/v1/x", Payload(body, {"gw_data": "local-only", "a": "1"}), trusted=True)
    assert call.body == b'{"model":"m"}' and call.query == b"a=1"
    headers = dict(scope_of(call)["headers"])
    assert headers[b"x-gateway-tee"] == b"required" and headers[b"x-gateway-data"] == b"local-only"
    assert headers[b"authorization"] == b"Bearer sk-1"


def test_a_body_that_says_nothing_does_not_loosen_the_query() -> None:
    call = door_call("POST", "/v1/x", Payload({"gw_tee": None}, {"gw_tee": "required"}), trusted=True)
    assert call.demands == (("x-gateway-tee", "required"),)
    plain = door_call("POST", "/v1/x", Payload({}, {}), trusted=True)
    assert plain.demands == () and plain == DoorCall("POST", "/v1/x", body=b"{}", trusted=True)


@pytest.mark.parametrize("word", [True, 1, ["required"], "re\r\nquired", "réquired"])
def test_what_is_no_word_is_refused_at_the_door(word: Any) -> None:
    with pytest.raises(InvalidRequest, match="'gw_tee' must be a word"):
        door_call("POST", "/v1/x", Payload({"gw_tee": word}, {}), trusted=True)


# --- what is only made up or reckoned ----------------------------------------------------------------------


def test_certify_stands_its_own_provider_behind_any_rule(tmp_path: Path) -> None:
    own = Settings.model_validate({"confidentiality": {"tee": "required", "data": "local-only"}})
    settings = behind(own.model_copy(update={"allow_private_upstreams": True}), "http://127.0.0.1:9", tmp_path)
    snapshot = build_snapshot(settings, NoEngines(), None)
    assert snapshot.rule is not None
    for target in (*snapshot.routes["certified"].targets, *snapshot.routes["certified-large"].targets):
        assert unmet(snapshot.rule, target, snapshot.providers[target.provider_id], nobody_knows) == ""


def test_the_table_of_explain_says_who_demands_what() -> None:
    found = {"model": "m", "route": "m", "policy": "ordered", "candidates": []}
    rule = {"tee": ["the key 'a'", "the model 'm'"], "local_only": []}
    assert "tee: required, by the key 'a' and the model 'm'\n" in table({**found, "confidentiality": rule})
    assert "required" not in table({**found, "confidentiality": None})
