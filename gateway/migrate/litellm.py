"""Reads LiteLLM's `config.yaml`. What it knows of LiteLLM stands in `litellm.yaml` beside it."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from gateway.errors import ConfigError
from gateway.migrate.litellm_values import (
    REFERENCE,
    as_reference,
    as_variable,
    base_of,
    facts,
    read_number,
    references,
    split_model,
)
from gateway.migrate.plan import Plan, free, is_private, is_too_simple, section

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
_LAST, _MOST_RETRIES = 1_000, 20
_GENERAL = "has no equivalent here, or none that is known, and was left out."


def read_litellm(source: Mapping[str, Any]) -> Plan:
    """Raises ConfigError for what is no such file."""
    if not isinstance(source.get("model_list"), list):
        raise ConfigError("this is no LiteLLM configuration: it has no list model_list")
    return _Reader(source).read()


class _Reader:
    """One file on its way into one plan."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        self._plan = Plan()
        self._source = source
        self._litellm: dict[str, Any] = section(source, "litellm_settings", dict)
        self._router: dict[str, Any] = section(source, "router_settings", dict)
        self._general: dict[str, Any] = section(source, "general_settings", dict)
        self._providers: dict[tuple[Any, ...], str] = {}
        self._aliased: dict[str, str] = {}

    def read(self) -> Plan:
        self._name_variables()
        for n, entry in enumerate(self._source["model_list"]):
            self._entry(n, entry)
        self._route()
        self._set()
        for name in ("litellm_settings", "router_settings", "general_settings"):
            self._leave_out(name, name, section(self._source, name, dict))
        for name in self._source.keys() - _SECTIONS:
            self._plan.note(str(name), _GENERAL)
        return self._plan

    def _name_variables(self) -> None:
        """Before secrets of the file get variables of their own."""
        for name in references(self._source):
            self._plan.taken.add(as_variable(name))
            if name != as_variable(name):
                self._plan.note(f"{REFERENCE}{name}", f"set {as_variable(name)}: here names have no other signs.")
        for entry in self._source["model_list"]:
            params = entry.get("litellm_params") if isinstance(entry, dict) else None
            if isinstance(params, dict) and params.get("api_key") is None:
                prefix, _ = split_model(str(params.get("model", "")), params.get("custom_llm_provider"))
                self._plan.taken.add(facts()["providers"].get(prefix, {}).get("key", ""))
        self._plan.taken.update(map(str, section(self._source, "environment_variables", dict)))

    # --- models --------------------------------------------------------------------------------------

    def _entry(self, n: int, entry: Any) -> None:
        name = entry.get("model_name") if isinstance(entry, dict) else None
        place = f"model_list[{n}] ({name})"
        if not isinstance(name, str) or not isinstance(entry.get("litellm_params"), dict):
            raise ConfigError(f"model_list[{n}] needs model_name and litellm_params")
        params = entry["litellm_params"]
        info = section(entry, "model_info", dict)
        prefix, model = split_model(str(params.get("model", "")), params.get("custom_llm_provider"))
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
        if not (base_of(params) or known.get("base_url")):
            return f"{prefix} needs an api_base."
        return None

    def _target(
        self, place: str, name: str, target: dict[str, Any], params: Mapping[str, Any], info: Mapping[str, Any]
    ) -> None:
        weight = next((params[name] for name in ("weight", "rpm", "tpm") if params.get(name) is not None), 1)
        if (share := self._number(f"{place} weight", weight)) is not None and share > 0:
            target |= {"weight": share} if weight != 1 else {}
        elif share is not None:
            self._plan.note(place, "has no weight: it is asked only where the others fail.")
        order = self._number(f"{place} order", params.get("order") or 0) or 0
        if priority := max(0, int(order)) + (_LAST if share is not None and share <= 0 else 0):
            target["priority"] = priority
        model = self._plan.models.setdefault(name, {})
        model.setdefault("targets", []).append(target)
        if mode := info.get("mode"):
            if kind := facts()["modes"].get(str(mode)):
                model["type"] = kind
            else:
                self._plan.note(place, f"model_info.mode {mode}: there is no such type of model here.")
        prices = {
            ours: round(price * scale, 9)
            for theirs, (ours, scale) in _PRICES.items()
            if (given := params.get(theirs, info.get(theirs))) is not None
            and (price := self._number(f"{place} {theirs}", given)) is not None
        }
        if prices:
            self._plan.prices[f"{target['provider']}/{target['model']}"] = prices

    # --- providers -----------------------------------------------------------------------------------

    def _provider(self, place: str, prefix: str, params: Mapping[str, Any]) -> str:
        """The id of the provider with this address, key and headers."""
        known = facts()["providers"][prefix]
        given = base_of(params)
        base_url = self._completed(place, as_reference(given), known.get("append", "")) if given else known["base_url"]
        headers = self._headers(place, params)
        key = params.get("api_key")
        if key is None and known.get("key"):
            key = REFERENCE + known["key"]
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

    def _completed(self, place: str, given: str, append: str) -> str:
        """The base with `append` behind it, in place of what it has of that already, such as `/openai` or
        `/openai/deployments/…?api-version=…` at Azure."""
        if not append:
            return given
        if given.startswith("${"):
            self._plan.note(place, f"{append} is put behind {given}: what stands there must end before it.")
            return given + append
        first = append.split("/")[1]
        try:
            parts = urlsplit(given)
        except ValueError:
            raise ConfigError(f"{place}: api_base is not a URL") from None
        before: str = re.split(f"/{re.escape(first)}(?=/|$)", parts.path, maxsplit=1)[0]
        return urlunsplit((parts.scheme, parts.netloc, before.rstrip("/") + append, "", ""))

    def _headers(self, place: str, params: Mapping[str, Any]) -> dict[str, str]:
        given = {**section(params, "headers", dict), **section(params, "extra_headers", dict)}
        headers = {name: self._secret(place, name, str(value), f"HEADER_{name}") for name, value in given.items()}
        if organization := params.get("organization"):
            headers["openai-organization"] = as_reference(str(organization))
        return headers

    def _times(self, place: str, id: str, params: Mapping[str, Any]) -> None:
        """Of a provider here, of each deployment there: the most patient one counts."""
        provider = self._plan.providers[id]
        for name in ("timeout", "max_retries"):
            if params.get(name) is None or (value := self._bounded(f"{place} {name}", name, params[name])) is None:
                continue
            if name in provider and provider[name] != value:
                self._plan.note(place, f"{name} differs between deployments of '{id}': the largest counts for all.")
            provider[name] = max(value, provider.get(name, value))

    def _secret(self, place: str, name: str, value: str, wanted: str) -> str:
        if value.startswith(REFERENCE):
            return as_reference(value)
        reference = self._plan.hide(value, wanted)
        self._plan.note(place, f"{name} stands in the file itself: here it is {reference}, to be set apart.")
        return reference

    def _bounded(self, place: str, name: str, given: Any) -> float | None:
        """As the setting of a provider takes it; None, with a note, for what it cannot be."""
        value = self._number(place, given)
        if value is None or (name == "timeout" and value <= 0) or value < 0:
            if value is not None:
                self._plan.note(place, f"{given} was left out.")
            return None
        if name == "max_retries" and value > _MOST_RETRIES:
            self._plan.note(place, f"{given} is more than the {_MOST_RETRIES} that there can be.")
            return _MOST_RETRIES
        return int(value) if name == "max_retries" else value

    def _number(self, place: str, given: Any) -> float | None:
        """None, with a note, for a reference: only texts can refer to the environment here."""
        if isinstance(given, str) and given.startswith(REFERENCE):
            self._plan.note(place, f"is {given}: write the number itself in what was taken over.")
            return None
        return read_number(place, given)

    # --- routing -------------------------------------------------------------------------------------

    def _route(self) -> None:
        strategy = str(self._router.get("routing_strategy", "simple-shuffle"))
        policy = facts()["strategies"].get(strategy)
        if policy is None:
            self._plan.note("router_settings.routing_strategy", f"{strategy} has no equivalent: `ordered` is used.")
        elif strategy.startswith("usage-based"):
            self._plan.note("router_settings.routing_strategy", f"{strategy}: `{policy}` is the nearest.")
        self._aliases()
        for model in self._plan.models.values():
            if policy not in (None, "ordered") and len(model["targets"]) > 1:
                model["policy"] = policy
        for name, stand_ins in self._pairs("fallbacks", "*"):
            self._plan.models[name]["fallbacks"] = self._targets_of(self._existing("fallbacks", stand_ins))
        for name, larger in self._pairs("context_window_fallbacks"):
            if found := self._existing("context_window_fallbacks", larger):
                self._plan.models[name]["context_fallback"] = found[0]
                if found[1:]:
                    self._plan.note(f"context_window_fallbacks of {name}", "only the first can be taken over.")
        self._default_fallbacks()

    def _pairs(self, name: str, whoever: str = "") -> Iterator[tuple[str, list[str]]]:
        """Of `[{model: [others]}]`, wherever it stands, but for the one that is for `whoever`."""
        for where in (self._litellm, self._router):
            for pair in section(where, name, list):
                for model, others in pair.items() if isinstance(pair, dict) else ():
                    if whoever and model == whoever:
                        continue
                    if model in self._plan.models:
                        yield model, [str(other) for other in (others if isinstance(others, list) else [others])]
                    else:
                        self._plan.note(f"{name} of {model}", "there is no such model in the file, or it was left out.")

    def _existing(self, place: str, names: list[str]) -> list[str]:
        found = [self._aliased.get(name, name) for name in names]
        for missing in (name for name in found if name not in self._plan.models):
            self._plan.note(place, f"'{missing}' is not among the models that were taken over.")
        return [name for name in found if name in self._plan.models]

    def _targets_of(self, names: list[str]) -> list[dict[str, str]]:
        """Written out: models may stand in for one another, and names must be declared before they are used."""
        targets = [target for name in names for target in self._plan.models[name]["targets"]]
        return [{"provider": target["provider"], "model": target["model"]} for target in targets]

    def _default_fallbacks(self) -> None:
        """`default_fallbacks`, else the `fallbacks` of `*`."""
        both = (self._litellm, self._router)
        names = [name for where in both for name in section(where, "default_fallbacks", list)]
        pairs = [pair for where in both for pair in section(where, "fallbacks", list) if isinstance(pair, dict)]
        names = names or [name for pair in pairs for name in section(pair, "*", list)]
        found = self._existing("default_fallbacks", [str(name) for name in names])
        for name, model in self._plan.models.items():
            if others := [one for one in found if one != name]:
                model.setdefault("fallbacks", self._targets_of(others))

    def _aliases(self) -> None:
        """LiteLLM looks an alias up once and before any model, so one that is a model's name leads away from it."""
        before = deepcopy(self._plan.models)
        aliases = {
            str(alias): str(target.get("model") if isinstance(target, dict) else target)
            for alias, target in section(self._router, "model_group_alias", dict).items()
        }
        for alias, name in aliases.items():
            place = f"model_group_alias {alias}"
            if name not in before:
                self._plan.note(place, f"'{name}' is not among the models taken over.")
            elif alias in before and alias != name:
                self._plan.models[alias] = deepcopy(before[name])
                self._plan.note(
                    place,
                    f"is a model of the file too, and LiteLLM follows the alias: '{alias}' has the targets of '{name}'"
                    " here, and its own were left out. Write them under `models` if they are what you want.",
                )
            elif alias not in before and aliases.get(name, name) != name:
                self._plan.models[alias] = deepcopy(before[name])
            elif alias not in before:
                self._plan.models[name].setdefault("aliases", []).append(alias)
                self._aliased[alias] = name

    # --- everything else -----------------------------------------------------------------------------

    def _set(self) -> None:
        plan, litellm = self._plan, self._litellm
        retries = self._router.get("num_retries", litellm.get("num_retries"))
        most = None if retries is None else self._bounded("num_retries", "max_retries", retries)
        for provider in plan.providers.values() if most is not None else ():
            provider.setdefault("max_retries", most)
        seconds = self._router.get("timeout", litellm.get("request_timeout"))
        if seconds is not None and (timeout := self._bounded("timeout", "timeout", seconds)):
            plan.settings["upstream_timeout"] = timeout
        if litellm.get("json_logs"):
            plan.settings["log_format"] = "json"
        if litellm.get("set_verbose"):
            plan.settings["log_level"] = "debug"
        if litellm.get("cache"):
            self._cache()
        if master := self._general.get("master_key"):
            place = "general_settings"
            if is_too_simple(str(master)) and not str(master).startswith(REFERENCE):
                plan.note(place, "master_key is easy to guess and was left out: the first start makes a new one.")
            else:
                plan.settings["master_api_key"] = self._secret(place, "master_key", str(master), "MASTER_API_KEY")
        if redis := self._redis():
            plan.settings["redis_url"] = redis
        for name, value in section(self._source, "environment_variables", dict).items():
            plan.secrets.setdefault(str(name), str(value))
            plan.note(f"environment_variables.{name}", "must be set in the environment of the gateway.")
        if any(is_private(one["base_url"]) for one in plan.providers.values()):
            plan.settings["allow_private_upstreams"] = True
            plan.note("api_base", "one is private or without TLS: allow_private_upstreams is switched on for it.")

    def _cache(self) -> None:
        params = section(self._litellm, "cache_params", dict)
        self._plan.settings["cache"] = {"enabled": True}
        if ttl := self._number("cache_params.ttl", params.get("ttl") or 0):
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
        if password.startswith(REFERENCE):
            note = "stands in an address here: signs such as @, : and / in it must be percent-encoded."
            self._plan.note("router_settings.redis_password", note)
        elif password:
            password = quote(password, safe="")
        secret = self._secret("router_settings", "redis_password", password, "REDIS_PASSWORD") if password else ""
        port = as_reference(str(self._router.get("redis_port", 6379)))
        return f"redis://{f':{secret}@' if secret else ''}{as_reference(str(host))}:{port}"

    def _leave_out(self, place: str, part: str, values: Mapping[str, Any]) -> None:
        """A sentence for every setting that is not taken over."""
        said = facts()["left_out"].get(part, {})
        for name in values:
            if name not in _TAKEN[part]:
                where = f"{place} {part}.{name}" if place != part else f"{part}.{name}"
                self._plan.note(where, said.get(name, _GENERAL))
