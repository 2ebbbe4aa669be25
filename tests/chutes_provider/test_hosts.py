"""Where chutes live: by a management API that misbehaves on purpose."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.errors import UpstreamBadResponse
from gateway.providers.base import Provider, ProviderType
from gateway.providers.chutes_hosts import FAILED, KNOWN, MOST, UNKNOWN, Chute, ChuteHosts, read_chute
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from gateway.settings import Settings
from gateway.state.providers import remote_providers
from tests.fakes.http_server import Exchange, HttpServer

PROVIDER = Provider("chutes", ProviderType.CHUTES, "https://llm.chutes.ai", api_keys=("cpk_secret",))


class FakeApi:
    """`says` maps a path to a status and a document; what is not there is 404."""

    def __init__(self) -> None:
        self.says: dict[str, tuple[int, object]] = {}
        self.asked: Counter[str] = Counter()
        self.keys: set[str] = set()
        self.server = HttpServer(self._answer)
        self.server.start()

    async def _answer(self, exchange: Exchange) -> None:
        path = exchange.request.path
        self.asked[path] += 1
        self.keys.add(exchange.request.key)
        await asyncio.sleep(0.02)
        exchange.send_json(*self.says.get(path, (404, {"detail": "No matching chute found!"})))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def api() -> Iterator[FakeApi]:
    made = FakeApi()
    yield made
    made.server.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hosts(api: FakeApi, clock: Clock) -> AsyncIterator[ChuteHosts]:
    transport = PooledTransport(AddressPolicy(allow_private=True))
    yield ChuteHosts(transport, api.server.url, clock)
    await transport.aclose()


async def test_one_question_for_many_callers_and_for_an_hour(hosts: ChuteHosts, api: FakeApi, clock: Clock) -> None:
    api.says["/chutes/org/voice"] = (200, {"chute_id": "1", "name": "org/voice", "slug": "me-org-voice"})
    found = await asyncio.gather(*(hosts.find(PROVIDER, "org/voice") for _ in range(20)))
    assert set(found) == {Chute("1", "org/voice", "https://me-org-voice.chutes.ai")}
    clock.now = KNOWN - 1
    await hosts.find(PROVIDER, "org/voice")
    assert api.asked["/chutes/org/voice"] == 1
    assert api.keys == {"cpk_secret"}
    clock.now = KNOWN + 1
    await hosts.find(PROVIDER, "org/voice")
    assert api.asked["/chutes/org/voice"] == 2


async def test_that_there_is_none_is_remembered_for_shorter(hosts: ChuteHosts, api: FakeApi, clock: Clock) -> None:
    for _ in range(3):
        assert await hosts.find(PROVIDER, "nope") is None
    assert api.asked["/chutes/nope"] == 1
    assert hosts.missing(PROVIDER, "nope")
    clock.now = UNKNOWN + 1
    await hosts.find(PROVIDER, "nope")
    assert api.asked["/chutes/nope"] == 2


@pytest.mark.parametrize(
    "answer", [(500, {}), (200, []), (200, {"slug": "../evil"}), (200, {"slug": "a.b"}), (401, {})]
)
async def test_an_api_that_cannot_tell_is_asked_again_soon(
    hosts: ChuteHosts, api: FakeApi, clock: Clock, answer: tuple[int, object]
) -> None:
    api.says["/chutes/x"] = answer
    assert await hosts.find(PROVIDER, "x") is None
    assert not hosts.missing(PROVIDER, "x"), "only a clear no is one"
    await hosts.find(PROVIDER, "x")
    assert api.asked["/chutes/x"] == 1
    clock.now = FAILED + 1
    api.says["/chutes/x"] = (200, {"slug": "me-x"})
    assert (await hosts.find(PROVIDER, "x") or Chute("", "", "")).url == "https://me-x.chutes.ai"


async def test_names_cannot_leave_their_place_in_the_path(hosts: ChuteHosts, api: FakeApi) -> None:
    await hosts.find(PROVIDER, "x?y=1#z")
    assert list(api.asked) == ["/chutes/x%3Fy%3D1%23z"]


async def test_the_memory_is_bounded(hosts: ChuteHosts, api: FakeApi) -> None:
    for start in range(0, MOST + 50, 50):
        await asyncio.gather(*(hosts.find(PROVIDER, f"n{n}") for n in range(start, start + 50)))
    assert len(hosts._remembered) == MOST
    assert not hosts._asking


async def test_a_caller_who_leaves_does_not_take_the_answer_from_the_others(hosts: ChuteHosts, api: FakeApi) -> None:
    api.says["/chutes/x"] = (200, {"slug": "me-x"})
    leaver = asyncio.create_task(hosts.find(PROVIDER, "x"))
    stayer = asyncio.create_task(hosts.find(PROVIDER, "x"))
    await asyncio.sleep(0)
    leaver.cancel()
    assert (await stayer or Chute("", "", "")).url == "https://me-x.chutes.ai"
    assert api.asked["/chutes/x"] == 1


def test_a_chute_on_this_machine_counts_only_beside_an_api_on_this_machine() -> None:
    document = {"slug": "me-x", "name": "x", "dev_platform_url": "http://127.0.0.1:5"}
    assert read_chute(document).url == "https://me-x.chutes.ai"
    assert read_chute(document, "http://127.0.0.1:1").url == "http://127.0.0.1:5"
    far = {**document, "dev_platform_url": "http://10.0.0.1:5"}
    assert read_chute(far, "http://127.0.0.1:1").url == "https://me-x.chutes.ai"


@pytest.mark.parametrize(
    "schema",
    [None, [], "x", {}, {"properties": []}, {"properties": {"a": 7}, "definitions": 7}, {"properties": {"a": None}},
     {"properties": {"a": {"$ref": ["x"]}}, "$defs": {"x": []}}],
    ids=repr,
)  # fmt: skip
def test_a_schema_that_is_none_of_pictures_breaks_nothing(schema: object) -> None:
    found = read_chute({"slug": "x", "cords": [{"public_api_path": "/generate", "input_schema": schema}]})
    assert found.pictures is None or not found.pictures.most


def test_the_public_paths_are_read() -> None:
    cords = [{"public_api_path": "/v1/rerank"}, {"public_api_path": None}, {"public_api_path": ["x"]}, "junk"]
    assert read_chute({"slug": "me-x", "cords": cords}).paths == {"/v1/rerank"}
    with pytest.raises(UpstreamBadResponse):
        read_chute({"name": "x"})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://llm.chutes.ai", "https://llm.chutes.ai"),
        ("https://llm.chutes.ai/v1", "https://llm.chutes.ai/v1"),
        ("https://chutes-x.chutes.ai/", "https://chutes-x.chutes.ai"),
        ("https://api.chutes.ai", "https://llm.chutes.ai"),
        ("https://api.chutes.ai/v1/", "https://llm.chutes.ai"),
        ("https://api.example.com", "https://api.example.com"),
    ],
)
def test_forms_of_the_base_url(given: str, expected: str, tmp_path: Path) -> None:
    config = {"type": "chutes", "base_url": given, "api_key": "cpk_x"}
    settings = Settings.model_validate({"state_dir": tmp_path, "providers": {"chutes": config}})
    assert remote_providers(settings)["chutes"].base_url == expected


def test_the_api_host_by_mistake_is_noted(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    config = {"base_url": "https://api.chutes.ai/once", "api_key": "cpk_x"}
    settings = Settings.model_validate({"state_dir": tmp_path, "providers": {"mine": config}})
    remote_providers(settings)
    remote_providers(settings)
    assert caplog.text.count("providers.mine.base_url: is Chutes' management API") == 1
