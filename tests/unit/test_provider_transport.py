"""`transport`, `proxy` and `http2` of a provider: from the configuration to the wire, with every adapter between."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.errors import ConfigError
from gateway.providers.base import Via
from gateway.settings import Settings
from gateway.state.providers import remote_providers
from tests.api.running import MASTER, RunningGateway
from tests.fakes.proxy import ForwardProxy, forward_proxy
from tests.fakes.upstream import Upstream

PROXY = "http://me:hidden-word@proxy.example:3128"


def via(private: bool = False, **config: Any) -> Via | None:
    provider = {"base_url": "https://api.example.com/v1", **config}
    return remote_providers(
        Settings.model_validate({"providers": {"p": provider}, "allow_private_upstreams": private})
    )["p"].via


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, None),
        ({"transport": "pooled"}, None),
        ({"proxy": ""}, None),
        ({"transport": "httpx"}, Via()),
        ({"http2": True}, Via(http2=True)),
        ({"proxy": PROXY}, Via(PROXY)),
        ({"transport": "httpx", "proxy": "https://proxy.example/", "http2": True}, Via("https://proxy.example/", True)),
    ],
)
def test_the_transport_of_a_provider(config: dict[str, Any], expected: Via | None) -> None:
    assert via(**config) == expected


@pytest.mark.parametrize(
    ("config", "place", "words"),
    [
        ({"transport": "pooled", "proxy": PROXY}, "transport", "pooled has neither"),
        ({"transport": "pooled", "http2": True}, "transport", "pooled has neither"),
        ({"proxy": "socks5://proxy.example:1080"}, "proxy", "http"),
        ({"proxy": "proxy.example:3128"}, "proxy", "http"),
        ({"proxy": "http://proxy.example:3128/path"}, "proxy", "behind the port"),
        ({"proxy": "http://proxy.example:99999"}, "proxy", "is not a URL"),
        ({"proxy": "http://me:se cret@proxy.example"}, "proxy", "spaces"),
        ({"proxy": "http://me:s\u00e9cret@proxy.example"}, "proxy", "must be written as"),
        ({"proxy": "http://me:secret@10.0.0.1:3128"}, "proxy", "private address"),
        ({"proxy": "http://169.254.169.254"}, "proxy", "metadata"),
    ],
)
def test_configurations_that_are_refused(config: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"^providers\.p\.{place}: .*{words}") as caught:
        via(**config)
    assert "cret" not in str(caught.value)


def test_a_proxy_is_never_shown() -> None:
    settings = Settings.model_validate({"providers": {"p": {"base_url": "https://a.example", "proxy": PROXY}}})
    assert "hidden-word" not in repr((settings, remote_providers(settings)))


@pytest.fixture
async def proxy() -> AsyncIterator[ForwardProxy]:
    async with forward_proxy(user="me:secret") as running:
        yield running


async def test_calls_go_through_the_proxy_of_their_provider_only(
    tmp_path: Path, upstream: Upstream, proxy: ForwardProxy
) -> None:
    proxied = {"base_url": upstream.url, "proxy": proxy.server.url.replace("://", "://me:secret@"), "models": ["far"]}
    direct = {"base_url": upstream.url, "models": ["near"]}
    gateway = RunningGateway(tmp_path, providers={"far": proxied, "near": direct})
    try:
        async with httpx.AsyncClient(base_url=gateway.url, headers={"authorization": f"Bearer {MASTER}"}) as client:
            for model, passed in (("near", 0), ("far", 2)):
                for stream in (False, True):
                    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
                    reply = await client.post("/v1/chat/completions", json=body)
                    assert reply.status_code == 200
                    assert reply.text.endswith("[DONE]\n\n") if stream else json.loads(reply.text)["choices"]
                assert len(proxy.seen) == passed
    finally:
        gateway.stop()
    assert all(head.startswith(f"POST {upstream.url}/v1/chat".encode()) for head in proxy.seen)
