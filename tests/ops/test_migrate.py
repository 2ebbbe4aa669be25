"""Importers: realistic files of other gateways become ones that load here, and nothing is lost without a word."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.errors import ConfigError
from gateway.migrate.ipin import read_ipin
from gateway.migrate.litellm import read_litellm
from gateway.migrate.litellm_values import facts
from gateway.migrate.plan import Plan
from gateway.migrate.sources import read_source
from gateway.migrate.written import as_yaml
from gateway.routing.types import Policy
from gateway.settings import load_settings
from gateway.state import Snapshot, build_snapshot
from gateway.store.records import Resource
from gateway.store.store import Store
from tests.fakes.board import FakeBoard

SAMPLES = Path(__file__).parent / "samples"
ENVIRONMENT = {
    "AZURE_API_BASE": "https://acme.openai.azure.com",
    "AZURE_API_KEY": "azure-key-0123456789",
    "OPENAI_API_KEY": "openai-key-0123456789",
    "OPENAI_ORGANIZATION": "org-1",
    "CHUTES_API_KEY": "cpk_0123456789abcdef",
    "GROQ_API_KEY": "groq-key-0123456789",
    "ANTHROPIC_API_KEY": "anthropic-key-0123456789",
    "OPENROUTER_API_KEY": "openrouter-key-0123456789",
    "LITELLM_MASTER_KEY": "sk-master-of-litellm-91",
}


def litellm() -> dict[str, Any]:
    return dict(yaml.safe_load((SAMPLES / "litellm.yaml").read_text()))


def ipin() -> dict[str, Any]:
    return dict(json.loads((SAMPLES / "ipin.json").read_text()))


def one(**params: Any) -> dict[str, Any]:
    """A file with one model."""
    return {"model_list": [{"model_name": "m", "litellm_params": {"model": "openai/m", **params}}]}


def several(*names: str) -> dict[str, Any]:
    """A file with these models, each at OpenAI by the same name."""
    return {"model_list": [{"model_name": name, "litellm_params": {"model": f"openai/{name}"}} for name in names]}


def loaded(plan: Plan, folder: Path) -> Snapshot:
    """What the gateway makes of the file that is written."""
    path = folder / "gateway.yaml"
    path.write_text(as_yaml(plan, "a sample"))
    found = load_settings(ENVIRONMENT | plan.secrets, path)
    return build_snapshot(found.settings, FakeBoard(), "sk-master-0123456789abcdef")


def notes(plan: Plan) -> str:
    return "\n".join(map(str, plan.notes))


# --- LiteLLM ---------------------------------------------------------------------------------------------


def test_a_litellm_file_becomes_routes_with_the_same_targets(tmp_path: Path) -> None:
    snapshot = loaded(read_litellm(litellm()), tmp_path)
    targets = {
        name: [(t.provider_id, t.upstream_model, t.priority, t.weight) for t in route.targets]
        for name, route in snapshot.routes.items()
    }
    assert targets["gpt-4o"][:2] == [("azure", "gpt-4o-eu", 0, 60), ("openai", "gpt-4o", 0, 600)]
    assert targets["gpt-4o"][2][:2] == ("anthropic", "claude-sonnet-4-5")
    assert targets["qwen"] == [("hosted-vllm", "Qwen/Qwen3-32B", 1, 1), ("chutes", "Qwen/Qwen3-32B", 2, 1)]
    assert targets["gpt-4o-mini"] == [("openai-2", "gpt-4o-mini", 0, 1)]
    assert snapshot.routes["gpt-4o"].policy is Policy.LEAST_BUSY
    assert snapshot.routes["gpt-4o"].context_fallback == "long-context"
    assert snapshot.aliases["gpt-4"] == "gpt-4o" and snapshot.aliases["tiny"] == "gpt-4o-mini"
    assert snapshot.routes["embed"].type == "embedding" and snapshot.routes["whisper"].type == "transcription"


def test_providers_have_the_addresses_keys_and_headers_that_litellm_used(tmp_path: Path) -> None:
    providers = loaded(read_litellm(litellm()), tmp_path).providers
    assert providers["azure"].base_url == "https://acme.openai.azure.com/openai/v1"
    assert providers["azure"].api_keys == ("azure-key-0123456789",)
    assert providers["openai"].headers == {"openai-organization": "org-1"}
    assert providers["openai"].timeouts.first_byte == 120 and providers["openai"].max_retries == 2
    assert providers["hosted-vllm"].max_retries == 1
    assert providers["ollama"].base_url == "http://localhost:11434/v1"
    assert providers["anthropic"].headers == {"anthropic-beta": "context-1m"}
    assert providers["chutes"].type == "chutes"


@pytest.mark.parametrize(
    "base",
    [
        "https://acme.openai.azure.com",
        "https://acme.openai.azure.com/",
        "https://acme.openai.azure.com/openai",
        "https://acme.openai.azure.com/openai/",
        "https://acme.openai.azure.com/openai/v1/",
        "https://acme.openai.azure.com/openai/deployments/gpt-4o?api-version=2024-10-21",
    ],
)
def test_an_azure_base_is_completed_whatever_it_has_already(base: str, tmp_path: Path) -> None:
    plan = read_litellm(one(model="azure/gpt-4o", api_base=base, api_key="os.environ/AZURE_API_KEY"))
    assert loaded(plan, tmp_path).providers["azure"].base_url == "https://acme.openai.azure.com/openai/v1"


def test_an_azure_base_of_the_environment_may_end_in_a_slash(tmp_path: Path) -> None:
    given = one(model="azure/gpt-4o", api_base="os.environ/AZURE_API_BASE", api_key="os.environ/AZURE_API_KEY")
    plan = read_litellm(given)
    path = tmp_path / "gateway.yaml"
    path.write_text(as_yaml(plan, "a sample"))
    settings = load_settings({**ENVIRONMENT, "AZURE_API_BASE": "https://acme.openai.azure.com/"}, path).settings
    providers = build_snapshot(settings, FakeBoard(), None).providers
    assert providers["azure"].base_url == "https://acme.openai.azure.com/openai/v1"
    assert "/openai/v1 is put behind ${AZURE_API_BASE}" in notes(plan)


def test_settings_prices_and_the_cache_are_taken_over(tmp_path: Path) -> None:
    plan = read_litellm(litellm())
    loaded(plan, tmp_path)
    settings = load_settings(ENVIRONMENT | plan.secrets, tmp_path / "gateway.yaml").settings
    assert settings.prices["openai/gpt-4o"].input == 2.5 and settings.prices["openai/gpt-4o"].output == 10
    assert settings.prices["groq/whisper-large-v3"].per_minute == pytest.approx(0.0018)
    assert settings.cache.enabled and settings.cache.ttl_seconds == 600
    assert settings.upstream_timeout == 300 and settings.log_format == "json"
    assert settings.master_api_key and settings.master_api_key.get_secret_value() == "sk-master-of-litellm-91"
    redis = settings.redis_url.get_secret_value() if settings.redis_url else ""
    assert redis == "redis://:p%40ss%2Fword-of-redis@redis.internal:6380"


def test_no_secret_of_the_source_is_in_the_file_that_is_written() -> None:
    for plan in (read_litellm(litellm()), read_ipin(ipin())):
        text = as_yaml(plan, "x") + notes(plan) + repr(plan)
        assert plan.secrets and not [value for value in plan.secrets.values() if value in text]


def test_every_setting_without_an_equivalent_has_its_sentence() -> None:
    told = notes(read_litellm(litellm()))
    for name in (
        "litellm_params.api_version",
        "litellm_params.rpm",
        "litellm_params.temperature",
        "model_info.max_tokens",
        "litellm_settings.drop_params",
        "litellm_settings.success_callback",
        "litellm_settings.cache",
        "router_settings.allowed_fails",
        "router_settings.cooldown_time",
        "router_settings.routing_strategy",
        "general_settings.database_url",
        "general_settings.something_new",
        "environment_variables.LANGFUSE_SECRET_KEY",
        "guardrails",
        "(titan): was left out: bedrock",
        "(house): was left out: the provider 'acme' is not known",
        "(openrouter/*): every model of it is reachable as `openrouter/MODEL`",
        "fallbacks: 'titan' is not among the models",
    ):
        assert name in told, name


def test_nothing_of_a_litellm_file_is_dropped_without_a_word() -> None:
    """Every leaf of a file with unknown settings everywhere is in the plan or in a note."""
    source = litellm()
    for part in ("litellm_settings", "router_settings", "general_settings"):
        source[part][f"unheard_of_{part}"] = True
    source["model_list"][0]["litellm_params"]["unheard_of_param"] = 1
    source["model_list"][0].setdefault("model_info", {})["unheard_of_info"] = 1
    told = notes(read_litellm(source))
    for name in ("litellm_settings", "router_settings", "general_settings", "param", "info"):
        assert f"unheard_of_{name}" in told


@pytest.mark.parametrize("strategy", [*facts()["strategies"], "lottery"])
def test_every_strategy_becomes_a_policy_or_is_told(strategy: str, tmp_path: Path) -> None:
    source = {**litellm(), "router_settings": {"routing_strategy": strategy}}
    plan = read_litellm(source)
    loaded(plan, tmp_path)
    assert strategy in facts()["strategies"] or "lottery has no equivalent" in notes(plan)


@pytest.mark.parametrize("prefix", sorted(facts()["providers"]))
def test_every_known_prefix_loads(prefix: str, tmp_path: Path) -> None:
    params = {"model": f"{prefix}/some-model", "api_base": "https://models.example.com/v1", "api_key": "k" * 20}
    snapshot = loaded(read_litellm({"model_list": [{"model_name": "m", "litellm_params": params}]}), tmp_path)
    assert snapshot.routes["m"].targets[0].upstream_model == "some-model"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({}, "no list model_list"),
        ({"model_list": [1]}, "model_list[0] needs"),
        ({"model_list": [{"model_name": "x"}]}, "litellm_params"),
        ({"model_list": [], "router_settings": []}, "router_settings must be a mapping"),
        ({"model_list": [], "litellm_settings": {"fallbacks": {"a": "b"}}}, "fallbacks must be a list"),
        (one(input_cost_per_token="cheap"), "input_cost_per_token must be a number"),
        (one(weight=[1]), "weight must be a number"),
        (one(order=float("nan")), "order must be a number"),
        (one(rpm=10**400), "weight must be a number"),
        (one(extra_headers="none"), "extra_headers must be a mapping"),
    ],
)
def test_what_is_no_litellm_file_is_refused_in_words(source: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("[", r"\[").replace("]", r"\]")):
        read_litellm(source)


def test_numbers_and_names_as_yaml_may_bring_them(tmp_path: Path) -> None:
    source = one(api_key=1234567890123456, input_cost_per_token="1e-6", rpm=10, organization=7)
    source["litellm_settings"] = {"fallbacks": [{"m": "other"}]}
    plan = read_litellm(source)
    assert plan.prices["openai/m"] == {"input": 1.0} and "'other' is not among" in notes(plan)
    assert loaded(plan, tmp_path).providers["openai"].api_keys == ("1234567890123456",)


def test_an_alias_that_is_a_models_name_leads_away_from_it_as_in_litellm(tmp_path: Path) -> None:
    """LiteLLM looks a name up among its aliases once, before it looks for a model."""
    source = several("big", "small", "old", "spare")
    source["router_settings"] = {
        "model_group_alias": {
            "big": "small",
            "small": {"model": "big"},
            "older": "old",
            "old": "spare",
            "spare": "spare",
        },
        "fallbacks": [{"spare": ["big", "older"]}],
    }
    plan = read_litellm(source)
    snapshot = loaded(plan, tmp_path)
    reached = {name: [target.upstream_model for target in route.targets] for name, route in snapshot.routes.items()}
    assert reached["big"] == ["small"] and reached["small"] == ["big"], "they changed places"
    assert reached["older"] == ["old"] and reached["old"] == ["spare"]
    assert reached["spare"] == ["spare", "small", "old"]
    assert "model_group_alias big: is a model of the file too" in notes(plan) and "alias spare" not in notes(plan)


def test_stand_ins_may_be_named_by_an_alias(tmp_path: Path) -> None:
    source = several("big", "small", "long")
    source["router_settings"] = {"model_group_alias": {"tiny": "small", 4: "long"}}
    source["litellm_settings"] = {"fallbacks": [{"big": ["tiny"]}], "context_window_fallbacks": [{"big": ["4"]}]}
    plan = read_litellm(source)
    snapshot = loaded(plan, tmp_path)
    assert [target.upstream_model for target in snapshot.routes["big"].targets] == ["big", "small"]
    assert snapshot.routes["big"].context_fallback == "long" and snapshot.aliases["4"] == "long" and not plan.notes


@pytest.mark.parametrize(
    "params",
    [
        {"weight": -1}, {"weight": 0}, {"rpm": "os.environ/RPM"}, {"order": -2}, {"order": "os.environ/N"},
        {"max_retries": 50}, {"max_retries": "3"}, {"max_retries": -1}, {"max_retries": "os.environ/N"},
        {"timeout": 0}, {"timeout": "os.environ/T"}, {"timeout": "30"}, {"input_cost_per_token": "os.environ/C"},
        {"api_base": "https://10.0.0.7/v1"}, {"api_base": "https://localhost:8443/v1"},
        {"api_key": "os.environ/MY-KEY.1"},
    ],
)  # fmt: skip
def test_whatever_litellm_takes_becomes_a_file_that_loads(params: dict[str, Any], tmp_path: Path) -> None:
    source = one(**params)
    source["litellm_settings"] = {"num_retries": "99", "request_timeout": "os.environ/T", "cache": True}
    source["litellm_settings"]["cache_params"] = {"ttl": "os.environ/TTL"}
    plan = read_litellm(source)
    path = tmp_path / "gateway.yaml"
    path.write_text(as_yaml(plan, "a sample"))
    settings = load_settings(ENVIRONMENT | plan.secrets | {"MY_KEY_1": "k" * 20}, path).settings
    assert build_snapshot(settings, FakeBoard(), None).routes["m"].targets
    ((name, given),) = params.items()
    taken = (
        {"max_retries": "3", "timeout": "30"}.get(name) == given or "10.0" in str(given) or "localhost" in str(given)
    )
    assert taken or str(given) in notes(plan) or "has no weight" in notes(plan) or given == -2, notes(plan)
    assert "num_retries: 99 is more" in notes(plan) and "request_timeout" not in plan.settings


def test_what_is_a_list_where_a_word_belongs_is_told(tmp_path: Path) -> None:
    source = several("m")
    source["model_list"][0]["model_info"] = {"mode": {"a": 1}}
    source["router_settings"] = {"model_group_alias": {"x": ["m"], "y": {"model": {}}}}
    plan = read_litellm(source)
    assert loaded(plan, tmp_path).routes["m"].type is None
    assert "mode {'a': 1}" in notes(plan) and "alias x" in notes(plan) and "alias y" in notes(plan)
    database = ipin()
    database["models"][0] |= {"name": 4, "type": ["chat"]}
    database["providers"][0]["name"] = 1.5
    plan = read_ipin(database)
    assert loaded(plan, tmp_path).routes["gpt-4o"].name == "4" and "there is no type '['chat']'" in notes(plan)


def test_a_deployment_without_weight_only_stands_in(tmp_path: Path) -> None:
    source = {"model_list": [*one(weight=0)["model_list"], *one(api_base="https://b.example/v1", rpm=5)["model_list"]]}
    targets = loaded(read_litellm(source), tmp_path).routes["m"].targets
    assert [(target.provider_id, target.priority > 0, target.weight) for target in targets] == [
        ("openai", True, 1), ("openai-2", False, 5),
    ]  # fmt: skip


def test_a_secret_of_the_file_never_takes_the_name_of_another_variable() -> None:
    """The same name for two values would send one provider the key of the other."""
    literal = {"model": "openai/a", "api_key": "literal-key-of-openai-1"}
    referring = {"model": "openai/b", "api_key": "os.environ/OPENAI_API_KEY"}
    standing = {"model": "groq/c"}
    given = {"model": "groq/d", "api_key": "literal-key-of-groq-2"}
    params = [literal, referring, standing, given]
    source = {"model_list": [{"model_name": f"m{n}", "litellm_params": one} for n, one in enumerate(params)]}
    source["environment_variables"] = {"OPENAI_API_KEY_2": "mine"}  # type: ignore[assignment]
    plan = read_litellm(source)
    keys = [provider["api_key"] for provider in plan.providers.values()]
    assert keys == ["${OPENAI_API_KEY_3}", "${OPENAI_API_KEY}", "${GROQ_API_KEY}", "${GROQ_2_API_KEY}"]
    assert plan.secrets["OPENAI_API_KEY_3"] == "literal-key-of-openai-1" and plan.secrets["OPENAI_API_KEY_2"] == "mine"


def test_a_variable_with_signs_that_references_cannot_have_gets_another_name() -> None:
    plan = read_litellm(one(api_key="os.environ/my-key.1"))
    assert plan.providers["openai"]["api_key"] == "${my_key_1}" and "set my_key_1" in notes(plan)


def test_a_master_key_that_anybody_can_guess_is_left_out_with_a_word() -> None:
    for plan in (
        read_litellm({"model_list": [], "general_settings": {"master_key": "sk-1234"}}),
        read_ipin({"providers": [], "models": [], "apiKeys": [{"id": "master", "key": "master-key"}]}),
    ):
        assert not plan.settings and not plan.secrets and "first start makes a new one" in notes(plan)


def test_fallbacks_of_every_model_are_default_fallbacks(tmp_path: Path) -> None:
    source = several("a", "b", "c")
    source["litellm_settings"] = {"fallbacks": [{"*": ["c"]}, {"a": ["b"]}]}
    plan = read_litellm(source)
    routes = loaded(plan, tmp_path).routes
    reached = {name: [target.upstream_model for target in route.targets] for name, route in routes.items()}
    assert reached == {"a": ["a", "b"], "b": ["b", "c"], "c": ["c"]} and not plan.notes


def test_thousands_of_keys_get_names_of_their_own_in_time() -> None:
    entries = [
        {"model_name": f"m{n}", "litellm_params": {"model": "openai/m", "api_key": f"k-{n}"}} for n in range(5000)
    ]
    plan = read_litellm({"model_list": entries})
    assert len(plan.providers) == len(plan.secrets) == 5000 and plan.providers["openai-5000"]


# --- iPin ------------------------------------------------------------------------------------------------


def test_an_ipin_database_becomes_providers_models_and_keys(tmp_path: Path) -> None:
    plan = read_ipin(ipin())
    snapshot = loaded(plan, tmp_path)
    assert snapshot.providers["chutes-whisper-large-v3"].type == "chutes"
    assert snapshot.providers["openai"].type == "openai" and snapshot.providers["home"].enabled is False
    route = snapshot.routes["gpt-4o"]
    assert (
        [t.provider_id for t in route.targets] == ["openai", "home"]
        and route.supports_images
        and route.name == "GPT-4o"
    )
    assert snapshot.routes["dots-ocr"].type == "ocr" and snapshot.routes["ranker"].type == "rerank"
    assert "llama" not in snapshot.routes and "lost" not in snapshot.routes
    names = {caller.name: caller for caller in snapshot.callers.values()}
    john = names["John's Key"]
    assert (
        john.may_use("gpt-4o") and not john.may_use("ranker") and john.may_use("odd[1]*") and not john.may_use("odd1x")
    )
    assert "Maria" not in names and [key["name"] for key in plan.keys if key.get("enabled") is False] == ["Maria"]
    told = notes(plan)
    for part in (
        "provider broken",
        "model lost",
        "colour",
        "API key Test",
        "user john",
        "Master Key",
        "is there twice",
    ):
        assert part in told, part


@pytest.mark.parametrize("source", [{}, {"providers": {}, "models": []}, {"providers": [1], "models": []}])
def test_what_is_no_ipin_database_is_refused_in_words(source: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        read_ipin(source)


# --- the command -----------------------------------------------------------------------------------------


def gateway(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "STATE_DIR": str(folder / "state"), **more}
    command = [sys.executable, "-m", "gateway", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def test_the_command_writes_a_file_that_check_config_accepts(tmp_path: Path) -> None:
    words = ("migrate", "litellm", str(SAMPLES / "litellm.yaml"), "--output", "new.yaml", "--secrets", "secrets.env")
    done = gateway(tmp_path, *words)
    assert done.returncode == 0 and "Taken over: 10 providers" in done.stderr, done.stderr
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600
    lines = (line.partition("=") for line in (tmp_path / "secrets.env").read_text().splitlines())
    secrets = {name: value for name, _, value in lines}
    checked = gateway(tmp_path, "check-config", "--config", "new.yaml", **ENVIRONMENT, **secrets)
    assert checked.returncode == 0 and "The configuration is usable." in checked.stdout, checked.stderr
    again = gateway(tmp_path, *words)
    assert again.returncode == 1 and "is there already" in again.stderr


def test_without_an_output_the_file_goes_to_standard_output(tmp_path: Path) -> None:
    done = gateway(tmp_path, "migrate", "ipin", str(SAMPLES / "ipin.json"))
    assert done.returncode == 0 and set(yaml.safe_load(done.stdout)) >= {"providers", "models", "keys"}
    assert "To be set in the environment" in done.stderr and "sk-john" not in done.stdout + done.stderr


def test_what_only_prints_needs_no_configuration_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("port: ${NOBODY_SETS_IT}\n")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(one(api_key="os.environ/OPENAI_API_KEY")))
    printed = gateway(tmp_path, "migrate", "litellm", "config.yaml")
    assert printed.returncode == 0 and "providers:" in printed.stdout, printed.stderr
    applied = gateway(tmp_path, "migrate", "litellm", "config.yaml", "--apply")
    assert applied.returncode == 1 and "NOBODY_SETS_IT is not set" in applied.stderr


@pytest.mark.parametrize("model", ["openai/m", "azure/m"])
def test_a_base_that_is_no_address_is_told_in_one_line(model: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(one(model=model, api_base="http://[1", api_key="x" * 16)))
    printed = gateway(tmp_path, "migrate", "litellm", "config.yaml", "--apply", ALLOW_PRIVATE_UPSTREAMS="1")
    assert printed.returncode == 1 and "is not a URL" in printed.stderr and "Traceback" not in printed.stderr


async def test_apply_puts_everything_into_the_database_sealed_and_hashed(tmp_path: Path) -> None:
    words = ("migrate", "ipin", str(SAMPLES / "ipin.json"), "--apply")
    master = {"MASTER_API_KEY": "sk-julio-9d8f7g6h5j4k3l2m", "ALLOW_PRIVATE_UPSTREAMS": "1"}
    done = gateway(tmp_path, *words, **master)
    assert done.returncode == 0, done.stderr
    store = await Store.open(None, tmp_path / "state")
    assert {one.id for one in await store.read(Resource.PROVIDERS)} == set(read_ipin(ipin()).providers)
    (john,) = await store.read(Resource.USERS)
    keys = {one.document["name"]: one for one in await store.read(Resource.APIKEYS)}
    assert keys["John's Key"].document["user_id"] == john.id and set(keys) == {"John's Key", "Maria"}
    await store.close()
    held = (tmp_path / "state/gateway.db").read_bytes() + (done.stdout + done.stderr).encode()
    for secret in ("sk-proj-3kfj39fjw03kd02k", "cpk_5f4dcc3b5aa765d61d8327deb882cf99", "sk-john-4h5j6k7l8m9n0p1q"):
        assert secret.encode() not in held
    again = gateway(tmp_path, *words, **master)
    assert again.returncode == 0 and "added" not in again.stdout and "stays as it is" in again.stdout


async def test_apply_takes_over_models_that_stand_in_for_each_other(tmp_path: Path) -> None:
    words = ("migrate", "litellm", str(SAMPLES / "litellm.yaml"), "--apply")
    refused = gateway(tmp_path, *words)
    assert refused.returncode == 1 and "ANTHROPIC_API_KEY" in refused.stderr
    done = gateway(tmp_path, *words, **ENVIRONMENT, ALLOW_PRIVATE_UPSTREAMS="1")
    assert done.returncode == 0, done.stderr
    store = await Store.open(None, tmp_path / "state")
    models = {one.id: one.document for one in await store.read(Resource.MODELS)}
    assert [one["provider"] for one in models["gpt-4o"]["fallbacks"]] == ["anthropic"]
    assert [one["provider"] for one in models["claude"]["fallbacks"]] == ["azure", "openai"]
    assert models["gpt-4o"]["context_fallback"] == "long-context"
    settings = {one.id: one.document for one in await store.read(Resource.SETTINGS)}
    assert settings["prices"]["value"]["openai/gpt-4o"]["input"] == 2.5
    await store.close()
    assert "setting log_format: is read before the database" in done.stdout


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("YAML", b"model_list:\n\t- a\n", "no valid YAML in line 2, where a tab stands"),
        ("YAML", b"model_list: [\xff]", "no text in UTF-8"),
        ("YAML", b"", "must hold a mapping, and is empty"),
        ("YAML", b"model_list: !!python/name:os.system []\n", "no valid YAML in line 1"),
        ("JSON", b"{", "no valid JSON in line 1"),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(kind: str, body: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(body)
    with pytest.raises(ConfigError, match=said):
        read_source(tmp_path / "file", kind)


def test_marks_and_line_ends_of_windows_are_read_and_what_is_given_twice_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'\xef\xbb\xbf{"providers": [],\r\n"models": []}\r\n')
    assert read_source(path, "JSON") == ({"providers": [], "models": []}, [])
    path.write_bytes(b"\xef\xbb\xbfmodel_list: []\r\nb: 1\r\nmodel_list: [1]\r\n")
    source, told = read_source(path, "YAML")
    assert source == {"model_list": [1], "b": 1}
    assert [str(note) for note in told] == ["line 3: model_list is given again: the last counts."]


def test_nothing_is_written_where_not_all_of_it_can_be(tmp_path: Path) -> None:
    source = str(SAMPLES / "ipin.json")
    for words in (("--secrets", "."), ("--secrets", "none/x"), ("--secrets", "new.yaml")):
        done = gateway(tmp_path, "migrate", "ipin", source, "--output", "new.yaml", *words)
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and not (tmp_path / "new.yaml").exists()
    done = gateway(tmp_path, "migrate", "ipin", source, "--output", "new.yaml", "--secrets", "secrets.env")
    assert done.returncode == 0 and "Users are only taken over by --apply." in done.stderr


def test_a_file_that_cannot_be_read_is_one_line_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"providers": [{"apiKey": "sk-secret-in-broken-json"')
    (tmp_path / "bad.yaml").write_text("model_list: [\n  {api_key: 'sk-secret-in-broken-yaml\n")
    for source, name in (("ipin", "bad.json"), ("litellm", "bad.yaml"), ("ipin", "none")):
        done = gateway(tmp_path, "migrate", source, name)
        assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert "sk-secret" not in done.stderr
