"""Reads LiteLLM's `config.yaml`. What it knows of LiteLLM stands in `litellm.yaml` beside it."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import yaml

from gateway.errors import ConfigError
from gateway.migrate.plan import Plan, free, section

_REFERENCE = "os.environ/"
_MILLION = 1_000_000
_PRICES = {
    "input_cost_per_token": ("input", _MILLION),
    "output_cost_per_token": ("output", _MILLION),
    "cache_read_input_token_cost": ("cached_input", _MILLION),
    "input_cost_per_second": ("per_minute", 60),
    "ocr_cost_per_page": ("per_page", 1),
}
_TAKEN = {
    "litellm_params": {
        *("model", "api_base", "base_url", "api_key", "custom_llm_provider", "timeout", "max_retries", "weight"),
        *("order", "extra_headers", "headers", "organization", *_PRICES),
    },
    "model_info": {"mode", *_PRICES},
    "litellm_settings": {
        *("num_retries", "request_timeout", "fallbacks", "default_fallbacks", "context_window_fallbacks"),
        *("cache", "cache_params", "json_logs", "set_verbose"),
    },
    "router_settings": {
        *("routing_strategy", "num_retries", "timeout", "fallbacks", "default_fallbacks", "context_window_fallbacks"),
        *("model_group_alias", "redis_url", "redis_host", "redis_port", "redis_password"),
    },
    "general_settings": {"master_key"},
}
_SECTIONS = {"model_list", "environment_variables", *(_TAKEN.keys() - {"litellm_params", "model_info"})}
_GENERAL = "has no equivalent here, or none that is known, and was left out."


def read_litellm(source: Mapping[str, Any]) -> Plan:
    """Raises ConfigError for what is no such file."""
    if not isinstance(source.get("model_list"), list):
        raise ConfigError("this is no LiteLLM configuration: it has no list model_list")
    return _Reader(source).read()


@cache
def facts() -> Mapping[str, Any]:
    text = files("gateway.migrate").joinpath("litellm.yaml").read_text()
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


class _Reader:
    """One file on its way into one plan."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        self._plan = Plan()
        self._source = source
        self._litellm: dict[str, Any] = section(source, "litellm_settings", dict)
        self._router: dict[str, Any] = section(source, "router_settings", dict)
        self._general: dict[str, Any] = section(source, "general_settings", dict)
        self._providers: dict[tuple[Any, ...], str] = {}

    def read(self) -> Plan:
        for n, entry in enumerate(self._source["model_list"]):
            self._entry(n, entry)
        self._route()
        self._set()
        for name in ("litellm_settings", "router_settings", "general_settings"):
            self._leave_out(name, name, section(self._source, name, dict))
        for name in self._source.keys() - _SECTIONS:
            self._plan.note(str(name), _GENERAL)
        return self._plan

    # --- models --------------------------------------------------------------------------------------

    def _entry(self, n: int, entry: Any) -> None:
        name = entry.get("model_name") if isinstance(entry, dict) else None
        place = f"model_list[{n}] ({name})"
        if not isinstance(name, str) or not isinstance(entry.get("litellm_params"), dict):
            raise ConfigError(f"model_list[{n}] needs model_name and litellm_params")
        params = entry["litellm_params"]
        info = section(entry, "model_info", dict)
        prefix, model = _split(str(params.get("model", "")), params.get("custom_llm_provider"))
        if (reason := self._impossible(prefix, model, params)) is not None:
            self._plan.note(place, f"was left out: {reason}")
            return
        provider = self._provider(place, prefix, params)
        if "*" in name or "*" in model:
            self._plan.note(place, f"every model of it is reachable as `{provider}/MODEL`; give names where you want.")
            return
        self._target(place, name, {"provider": provider, "model": model}, params, info)
        for part, values in (("litellm_params", params), ("model_info", info)):
            self._leave_out(place, part, values)

    def _impossible(self, prefix: str, model: str, params: Mapping[str, Any]) -> str | None:
        if reason := facts()["unsupported"].get(prefix):
            return f"{prefix}: {reason}"
        if not model:
            return "it names no model."
        known = facts()["providers"].get(prefix)
        if known is None:
            return f"the provider '{prefix}' is not known; add it by hand if it is OpenAI-compatible."
        if not (_base(params) or known.get("base_url")):
            return f"{prefix} needs an api_base."
        return None

    def _target(
        self, place: str, name: str, target: dict[str, Any], params: Mapping[str, Any], info: Mapping[str, Any]
    ) -> None:
        if weight := params.get("weight") or params.get("rpm") or params.get("tpm"):
            target["weight"] = _number(f"{place} weight", weight)
        if order := params.get("order"):
            target["priority"] = int(_number(f"{place} order", order))
        model = self._plan.models.setdefault(name, {})
        model.setdefault("targets", []).append(target)
        if mode := info.get("mode"):
            if kind := facts()["modes"].get(mode):
                model["type"] = kind
            else:
                self._plan.note(place, f"model_info.mode {mode}: there is no such type of model here.")
        prices = {
            ours: round(_number(f"{place} {theirs}", given) * scale, 9)
            for theirs, (ours, scale) in _PRICES.items()
            if (given := params.get(theirs, info.get(theirs))) is not None
        }
        if prices:
            self._plan.prices[f"{target['provider']}/{target['model']}"] = prices

    # --- providers -----------------------------------------------------------------------------------

    def _provider(self, place: str, prefix: str, params: Mapping[str, Any]) -> str:
        """The id of the provider with this address, key and headers."""
        known = facts()["providers"][prefix]
        given = _base(params)
        base_url = _reference(given) if given else known["base_url"]
        if given and (append := known.get("append")) and not str(base_url).rstrip("/").endswith(append):
            base_url = str(base_url).rstrip("/") + append
        headers = self._headers(place, params)
        key = params.get("api_key")
        if key is None and known.get("key"):
            key = _REFERENCE + known["key"]
        key = str(key) if key else ""
        identity = (prefix, base_url, key, tuple(sorted(headers.items())))
        if identity not in self._providers:
            self._providers[identity] = id = free(prefix.replace("_", "-"), self._plan.providers)
            provider: dict[str, Any] = {"base_url": base_url}
            if prefix != "chutes":
                provider["type"] = "openai"
            if key:
                provider["api_key"] = self._secret(place, "api_key", key, f"{id}_API_KEY")
            self._plan.providers[id] = provider | ({"headers": headers} if headers else {})
            if remark := facts()["remarks"].get(prefix):
                self._plan.note(f"provider {id}", remark)
        id = self._providers[identity]
        self._times(place, id, params)
        return id

    def _headers(self, place: str, params: Mapping[str, Any]) -> dict[str, str]:
        given = {**section(params, "headers", dict), **section(params, "extra_headers", dict)}
        headers = {name: self._secret(place, name, str(value), f"HEADER_{name}") for name, value in given.items()}
        if organization := params.get("organization"):
            headers["openai-organization"] = _reference(str(organization))
        return headers

    def _times(self, place: str, id: str, params: Mapping[str, Any]) -> None:
        """Of a provider here, of each deployment there: the most patient one counts."""
        provider = self._plan.providers[id]
        for name in ("timeout", "max_retries"):
            value = params.get(name)
            if not isinstance(value, int | float):
                continue
            if name in provider and provider[name] != value:
                self._plan.note(place, f"{name} differs between deployments of '{id}': the largest counts for all.")
            provider[name] = max(value, provider.get(name, value))

    def _secret(self, place: str, name: str, value: str, wanted: str) -> str:
        if value.startswith(_REFERENCE):
            return _reference(value)
        reference = self._plan.hide(value, wanted)
        self._plan.note(place, f"{name} stands in the file itself: here it is {reference}, to be set apart.")
        return reference

    # --- routing -------------------------------------------------------------------------------------

    def _route(self) -> None:
        strategy = str(self._router.get("routing_strategy", "simple-shuffle"))
        policy = facts()["strategies"].get(strategy)
        if policy is None:
            self._plan.note("router_settings.routing_strategy", f"{strategy} has no equivalent: `ordered` is used.")
        elif strategy.startswith("usage-based"):
            self._plan.note("router_settings.routing_strategy", f"{strategy}: `{policy}` is the nearest.")
        for model in self._plan.models.values():
            if policy not in (None, "ordered") and len(model["targets"]) > 1:
                model["policy"] = policy
        for name, stand_ins in self._pairs("fallbacks"):
            self._plan.models[name]["fallbacks"] = self._targets_of(self._existing("fallbacks", stand_ins))
        for name, larger in self._pairs("context_window_fallbacks"):
            if found := self._existing("context_window_fallbacks", larger):
                self._plan.models[name]["context_fallback"] = found[0]
                if found[1:]:
                    self._plan.note(f"context_window_fallbacks of {name}", "only the first can be taken over.")
        self._default_fallbacks()
        self._aliases()

    def _pairs(self, name: str) -> Iterator[tuple[str, list[str]]]:
        """Of `[{model: [others]}]`, wherever it stands."""
        for where in (self._litellm, self._router):
            for pair in section(where, name, list):
                for model, others in pair.items() if isinstance(pair, dict) else ():
                    if model in self._plan.models:
                        yield model, [str(other) for other in (others if isinstance(others, list) else [others])]
                    else:
                        self._plan.note(f"{name} of {model}", "there is no such model in the file, or it was left out.")

    def _existing(self, place: str, names: list[str]) -> list[str]:
        for missing in (name for name in names if name not in self._plan.models):
            self._plan.note(place, f"'{missing}' is not among the models that were taken over.")
        return [name for name in names if name in self._plan.models]

    def _targets_of(self, names: list[str]) -> list[dict[str, str]]:
        """Written out: models may stand in for one another, and names must be declared before they are used."""
        targets = [target for name in names for target in self._plan.models[name]["targets"]]
        return [{"provider": target["provider"], "model": target["model"]} for target in targets]

    def _default_fallbacks(self) -> None:
        names = [name for where in (self._litellm, self._router) for name in section(where, "default_fallbacks", list)]
        found = self._existing("default_fallbacks", names)
        for name, model in self._plan.models.items():
            if others := [one for one in found if one != name]:
                model.setdefault("fallbacks", self._targets_of(others))

    def _aliases(self) -> None:
        for alias, target in section(self._router, "model_group_alias", dict).items():
            name = target.get("model") if isinstance(target, dict) else target
            if name in self._plan.models:
                self._plan.models[name].setdefault("aliases", []).append(alias)
            else:
                self._plan.note(f"model_group_alias {alias}", f"'{name}' is not among the models taken over.")

    # --- everything else -----------------------------------------------------------------------------

    def _set(self) -> None:
        plan, litellm = self._plan, self._litellm
        retries = self._router.get("num_retries", litellm.get("num_retries"))
        for provider in plan.providers.values() if isinstance(retries, int) else ():
            provider.setdefault("max_retries", retries)
        if timeout := self._router.get("timeout", litellm.get("request_timeout")):
            plan.settings["upstream_timeout"] = timeout
        if litellm.get("json_logs"):
            plan.settings["log_format"] = "json"
        if litellm.get("set_verbose"):
            plan.settings["log_level"] = "debug"
        if litellm.get("cache"):
            self._cache()
        if master := self._general.get("master_key"):
            place = "general_settings"
            plan.settings["master_api_key"] = self._secret(place, "master_key", str(master), "MASTER_API_KEY")
        if redis := self._redis():
            plan.settings["redis_url"] = redis
        for name, value in section(self._source, "environment_variables", dict).items():
            plan.secrets.setdefault(str(name), str(value))
            plan.note(f"environment_variables.{name}", "must be set in the environment of the gateway.")
        if any(one["base_url"].startswith("http://") for one in plan.providers.values()):
            plan.settings["allow_private_upstreams"] = True
            plan.note("api_base", "one of them has no TLS: allow_private_upstreams is switched on for it.")

    def _cache(self) -> None:
        params = section(self._litellm, "cache_params", dict)
        self._plan.settings["cache"] = {"enabled": True}
        if ttl := params.get("ttl"):
            self._plan.settings["cache"]["ttl_seconds"] = ttl
        self._plan.note(
            "litellm_settings.cache",
            "is in memory here, of one process, for keys or requests that ask for it (docs/usage.md).",
        )

    def _redis(self) -> str:
        if url := self._router.get("redis_url"):
            return self._secret("router_settings", "redis_url", str(url), "REDIS_URL")
        if not (host := self._router.get("redis_host")):
            return ""
        password = str(self._router.get("redis_password") or "")
        if password and not password.startswith(_REFERENCE):
            password = quote(password, safe="")
        secret = self._secret("router_settings", "redis_password", password, "REDIS_PASSWORD") if password else ""
        port = _reference(str(self._router.get("redis_port", 6379)))
        return f"redis://{f':{secret}@' if secret else ''}{_reference(str(host))}:{port}"

    def _leave_out(self, place: str, part: str, values: Mapping[str, Any]) -> None:
        """A sentence for every setting that is not taken over."""
        said = facts()["left_out"].get(part, {})
        for name in values:
            if name not in _TAKEN[part]:
                where = f"{place} {part}.{name}" if place != part else f"{part}.{name}"
                self._plan.note(where, said.get(name, _GENERAL))


def _split(model: str, provider: Any) -> tuple[str, str]:
    """LiteLLM's prefix and the model's name at the provider. Without a prefix it is OpenAI's, or of the named one."""
    prefix, slash, rest = model.partition("/")
    if provider:
        return str(provider), rest if slash and prefix == provider else model
    if not slash:
        return ("anthropic" if model.startswith("claude-") else "openai"), model
    return prefix, rest


def _number(place: str, value: Any) -> float:
    """YAML takes 1e-6 for a text. Whole numbers stay whole."""
    try:
        return value if isinstance(value, int) else float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{place} must be a number") from None


def _base(params: Mapping[str, Any]) -> str:
    return str(params.get("api_base") or params.get("base_url") or "")


def _reference(value: str) -> str:
    """`os.environ/NAME` as we write it; anything else as it is."""
    return f"${{{value.removeprefix(_REFERENCE)}}}" if value.startswith(_REFERENCE) else value
