"""Opens the database and the directory over it. Called by the app at start and by the command line."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from gateway.access.counters.opened import open_counters
from gateway.access.keys import keep_master_key, master_key
from gateway.access.secrets import open_sealer
from gateway.access.setup import configured_admin
from gateway.admin.administration import Administration
from gateway.admin.directory import Base, Directory
from gateway.errors import ConfigError
from gateway.observe.collector import Collector, read_collector
from gateway.providers.engines import EngineBoard, NoEngines
from gateway.settings import Settings
from gateway.store.engines import parse_url
from gateway.store.store import Store


def base(settings: Settings, engines: EngineBoard, key: str, origins: Mapping[str, str]) -> Base:
    """Raises ConfigError for a SECRET_KEY that anybody could guess."""
    configured = settings.secret_key.get_secret_value() if settings.secret_key else None
    sealer = open_sealer(configured, settings.previous_secret_keys, settings.state_dir)
    return Base(settings, engines, key, sealer, origins)


async def open_store(settings: Settings) -> Store:
    url = settings.database_url
    return await Store.open(url.get_secret_value() if url else None, settings.state_dir)


def trace_collector(settings: Settings) -> Collector | None:
    """Where traces go; None: they are off. Raises ConfigError."""
    if not settings.otel_exporter_otlp_endpoint:
        return None
    given = settings.otel_exporter_otlp_headers
    headers = given.get_secret_value() if given else ""
    return read_collector(settings.otel_exporter_otlp_endpoint, headers, settings.otel_service_name)


def check_opening(settings: Settings) -> None:
    """What can be said of the database, the secrets, the counters and the collector of traces without opening or making
    any. Raises ConfigError for what would keep the gateway from starting."""
    if settings.database_url:
        parse_url(settings.database_url.get_secret_value())
    if settings.secret_key:
        open_sealer(settings.secret_key.get_secret_value(), settings.previous_secret_keys, settings.state_dir)
    if settings.redis_url:
        open_counters(settings.redis_url.get_secret_value(), settings.workers, settings.state_dir)
    if settings.seed_file and not settings.seed_file.is_file():
        raise ConfigError(f"SEED_FILE: there is no file {settings.seed_file}")
    configured_admin(settings.ui_username, settings.ui_password.get_secret_value() if settings.ui_password else None)
    trace_collector(settings)


@asynccontextmanager
async def opened(
    settings: Settings, engines: EngineBoard | None, origins: Mapping[str, str]
) -> AsyncIterator[Administration]:
    """For one piece of work beside a gateway that may be running; nothing is served. Raises ConfigError."""
    key = _kept_master_key(settings)
    store = await open_store(settings)
    try:
        directory = Directory(base(settings, engines or NoEngines(), key, origins))
        administration = Administration(directory, store, _ignore)
        await administration.follow()
        yield administration
    finally:
        await store.close()


def _kept_master_key(settings: Settings) -> str:
    configured, folder = settings.master_api_key, settings.state_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key, is_new = master_key(configured.get_secret_value() if configured else None, folder)
        if is_new:
            keep_master_key(key, folder)
    except OSError as error:
        raise ConfigError(f"STATE_DIR: {folder} cannot be used: {error.strerror}") from None
    return key


def _ignore(directory: Directory) -> None:
    """Nothing is served, so nothing is to be put in force."""
