"""Providers of the snapshot: the configured ones, `chutes` when there is a key for it, and one for each engine."""

import logging
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from gateway.errors import ConfigError
from gateway.providers.base import MAX_RETRIES, HealthCheck, Provider, ProviderType, Timeouts, Via
from gateway.providers.chutes import is_chutes_host
from gateway.providers.engines import EngineStatus
from gateway.providers.guard import check_api_keys, check_base_url, check_headers, check_proxy_url
from gateway.settings import ProviderConfig, Settings

log = logging.getLogger("gateway")

_EMPTY_PARTS = re.compile(r"(?<!:)/{2,}")
"""Of a path, as where a base that ends in `/` is filled in before one that begins so."""


def remote_providers(settings: Settings) -> dict[str, Provider]:
    configured = dict(settings.providers)
    if settings.chutes_api_key and "chutes" not in configured:
        configured["chutes"] = ProviderConfig()
    return {name: _remote(name, config, settings) for name, config in configured.items()}


def engine_providers(statuses: Iterable[EngineStatus]) -> dict[str, Provider]:
    """An engine that is busy or restarting gets one more try; a broken one is not asked over and over."""
    return {
        status.name: Provider(status.name, ProviderType.LOCAL, name=f"local {status.kind}", max_retries=1)
        for status in statuses
    }


def _remote(name: str, config: ProviderConfig, settings: Settings) -> Provider:
    kind = _kind(name, config)
    chutes = kind == ProviderType.CHUTES
    place = settings.place("providers", name, "base_url")
    base_url = _chutes_url(config, settings, place) if chutes else config.base_url
    if not base_url:
        raise ConfigError(f"{place}: is missing (for example https://api.openai.com/v1)")
    check_base_url(base_url, place, allow_private=settings.allow_private_upstreams)
    check_headers(config.headers, settings.place("providers", name, "headers"))
    keys = _api_keys(config, settings if chutes else None)
    check_api_keys(keys, settings.place("providers", name, "api_key"))
    retries = config.performance.max_retries if config.performance.max_retries is not None else config.max_retries
    return Provider(
        id=name,
        type=kind,
        base_url=_EMPTY_PARTS.sub("/", base_url).rstrip("/"),
        name=config.name or name,
        api_keys=keys,
        enabled=config.enabled,
        timeouts=_timeouts(config, settings, chutes),
        max_retries=retries if retries is not None else settings.chutes_max_retries if chutes else MAX_RETRIES,
        backs_off=config.performance.retry_backoff == "exponential",
        headers=config.headers,
        via=_via(name, config, settings),
        health_check=_health_check(config, chutes),
        stream_usage=config.stream_usage,
        debug=config.debug or config.log_level == "debug",
        tee=config.tee,
        local=_is_local(name, config, settings, chutes),
    )


def _is_local(name: str, config: ProviderConfig, settings: Settings, chutes: bool) -> bool:
    if config.data is not None and chutes:
        place = settings.place("providers", name, "data")
        raise ConfigError(f"{place}: local is for machines of your own, and Chutes is not (leave it out)")
    return config.data is not None


def _chutes_url(config: ProviderConfig, settings: Settings, place: str) -> str:
    """The management API answers no models: who names it means the shared host."""
    url = config.base_url or settings.chutes_base_url
    if is_chutes_host(url) and (urlsplit(url).hostname or "").startswith("api."):
        _note(f"{place}: is Chutes' management API; {settings.chutes_base_url} is asked instead")
        return settings.chutes_base_url
    return url


@lru_cache(maxsize=64)
def _note(text: str) -> None:
    """Once, however often the snapshot is built."""
    log.warning("%s", text)


def _kind(name: str, config: ProviderConfig) -> str:
    if config.type:
        return config.type
    chutes = name == "chutes" or is_chutes_host(config.base_url)
    return ProviderType.CHUTES if chutes else ProviderType.OPENAI


def _health_check(config: ProviderConfig, chutes: bool) -> HealthCheck | None:
    """Chutes' dialect would ask the management API, which tells of the key but not of the host that serves."""
    if config.health_check is None:
        return None
    path = config.health_check.path or ("/v1/models" if chutes else "")
    return HealthCheck(config.health_check.interval, path)


def _via(name: str, config: ProviderConfig, settings: Settings) -> Via | None:
    proxy = config.proxy.get_secret_value() if config.proxy else ""
    if not proxy and not config.http2:
        return Via() if config.transport == "httpx" else None
    if config.transport == "pooled":
        place = settings.place("providers", name, "transport")
        raise ConfigError(f"{place}: pooled has neither proxies nor HTTP/2 (leave it out, or write httpx)")
    if proxy:
        place = settings.place("providers", name, "proxy")
        check_proxy_url(proxy, place, allow_private=settings.allow_private_upstreams)
    return Via(proxy, config.http2)


def _timeouts(config: ProviderConfig, settings: Settings, chutes: bool) -> Timeouts:
    given = config.performance.timeout or config.timeout
    return Timeouts(
        connect=settings.connect_timeout,
        first_byte=given or (settings.chutes_timeout if chutes else settings.upstream_timeout),
        whole=given or settings.upstream_timeout,
        idle=settings.stream_idle_timeout,
        first_content=settings.first_token_timeout,
        job=given or max(settings.jobs.timeout, settings.upstream_timeout),
    )


def _api_keys(config: ProviderConfig, chutes: Settings | None) -> tuple[str, ...]:
    secrets = [*([config.api_key] if config.api_key else []), *config.api_keys]
    if not secrets and chutes and chutes.chutes_api_key:
        secrets = [chutes.chutes_api_key]
    return tuple(key for secret in secrets if (key := secret.get_secret_value()))
