"""`HttpxTransport` through a forward proxy: tunnels, absolute form, credentials, and whose address is judged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.errors import UpstreamTimeout, UpstreamUnreachable
from gateway.providers.base import Timeouts, Via
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.base import HttpRequest
from gateway.providers.transport.httpx_client import HttpxTransport
from tests.fakes.certificates import Authority
from tests.fakes.http2_server import Frames, frames_server
from tests.fakes.proxy import ForwardProxy, forward_proxy
from tests.fakes.raw_server import Peer, RawServer, answer, raw_server
from tests.unit.transport.kit import OK, PRIVATE, fetch, none_open, saying

pytestmark = pytest.mark.asyncio(loop_scope="module")


def by(proxy: ForwardProxy, url: str, user: str = "", http2: bool = False, patience: float = 20.0) -> HttpRequest:
    address = proxy.server.url.replace("://", f"://{user}@") if user else proxy.server.url
    timeouts = Timeouts(connect=patience, first_byte=patience, whole=patience, idle=patience)
    return HttpRequest("POST", url, {"authorization": "Bearer k"}, b"{}", timeouts, via=Via(address, http2))


@asynccontextmanager
async def listening(authority: Authority | None = None) -> AsyncIterator[tuple[RawServer, list[bytes]]]:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.say(answer(OK))

    async with raw_server(script, authority.server("127.0.0.1") if authority else None) as server:
        yield server, seen


@pytest.mark.parametrize("proxy_tls", [False, True], ids=["http-proxy", "https-proxy"])
@pytest.mark.parametrize("tls", [False, True], ids=["absolute", "tunnel"])
async def test_requests_go_through_the_proxy(authority: Authority, tls: bool, proxy_tls: bool) -> None:
    transport = HttpxTransport(PRIVATE, authority.client())
    async with (
        listening(authority if tls else None) as (server, seen),
        forward_proxy(authority.server("127.0.0.1") if proxy_tls else None, user="me:p@ss") as proxy,
    ):
        for _ in range(2):
            assert await fetch(transport, by(proxy, f"{server.url}/v1/x?a=b", "me:p%40ss")) == OK
        await none_open(proxy.server)
    line = proxy.seen[0].split(b"\r\n")[0]
    whole = f"POST {server.url}/v1/x?a=b HTTP/1.1"
    assert line == (f"CONNECT 127.0.0.1:{server.port} HTTP/1.1" if tls else whole).encode()
    assert seen[0].startswith(b"POST /v1/x?a=b HTTP/1.1\r\n")
    assert b"authorization: Bearer k\r\n" in seen[0]
    assert len(seen) == len(proxy.seen) == 2
    if tls:
        assert b"Bearer" not in proxy.seen[0]
        assert b"proxy-authorization" not in seen[0].lower()


async def test_http2_through_a_tunnel_is_kept(authority: Authority) -> None:
    async def script(frames: Frames) -> None:
        while stream := await frames.request():
            await frames.answer(stream, OK)

    transport = HttpxTransport(PRIVATE, authority.client())
    async with frames_server(script, authority.server("127.0.0.1")) as server, forward_proxy() as proxy:
        for _ in range(4):
            assert await fetch(transport, by(proxy, server.url, http2=True)) == OK
        assert server.connections == len(proxy.seen) == 1
        await transport.aclose()
        await none_open(server)


@pytest.mark.parametrize("tls", [False, True], ids=["absolute", "tunnel"])
async def test_a_proxy_that_wants_other_credentials(authority: Authority, tls: bool) -> None:
    transport = HttpxTransport(PRIVATE, authority.client())
    async with listening(authority if tls else None) as (server, seen), forward_proxy(user="me:right") as proxy:
        with pytest.raises(UpstreamUnreachable, match="proxy") as caught:
            await fetch(transport, by(proxy, server.url, "me:wrong"))
        assert "wrong" not in repr((caught.value, caught.value.upstream))
        await none_open(proxy.server)
    assert not seen


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", UpstreamUnreachable),
        (b"220 mail\r\n", UpstreamUnreachable),
        (b"HTTP/1.1 200 Conn", UpstreamTimeout),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000, UpstreamUnreachable),
        (b"HTTP/1.1 200 OK\r\n\r\nnot TLS at all", UpstreamTimeout),
    ],
    ids=lambda value: value[:16].decode() if isinstance(value, bytes) else None,
)
async def test_a_tunnel_that_does_not_come_about(said: bytes, error: type[Exception]) -> None:
    transport, patience = HttpxTransport(PRIVATE), 0.5 if error is UpstreamTimeout else 20.0
    async with listening() as (server, seen), forward_proxy(answer=said) as proxy:
        with pytest.raises(error):
            await fetch(transport, by(proxy, server.url.replace("http:", "https:"), patience=patience))
        await none_open(proxy.server)
    assert not seen


async def test_the_certificate_is_the_upstreams_own(authority: Authority) -> None:
    transport = HttpxTransport(PRIVATE, authority.client())
    async with (
        raw_server(lambda peer: peer.closed(), authority.server("other.example")) as server,
        forward_proxy() as proxy,
    ):
        with pytest.raises(UpstreamUnreachable, match="certificate"):
            await fetch(transport, by(proxy, server.url))


async def test_the_address_of_the_proxy_is_judged() -> None:
    async with saying(answer(OK)) as server, forward_proxy() as proxy:
        with pytest.raises(UpstreamUnreachable, match="not allowed"):
            await fetch(HttpxTransport(AddressPolicy()), by(proxy, "http://api.example.com/"))
        own = AddressPolicy(allow_private=True, own_ports=frozenset({proxy.server.port}))
        with pytest.raises(UpstreamUnreachable, match="not allowed"):
            await fetch(HttpxTransport(own), by(proxy, server.url))
        assert proxy.server.connections == 0
        with pytest.raises(UpstreamUnreachable, match="not allowed"):
            await fetch(HttpxTransport(PRIVATE), by(proxy, "http://169.254.169.254/latest/meta-data"))
        assert not proxy.seen


async def test_cancelling_closes_the_tunnel(authority: Authority) -> None:
    transport = HttpxTransport(PRIVATE, authority.client())
    async with (
        raw_server(lambda peer: peer.closed(), authority.server("127.0.0.1")) as server,
        forward_proxy() as proxy,
    ):
        for n in range(40):
            task = asyncio.create_task(fetch(transport, by(proxy, server.url)))
            await asyncio.sleep(n * 0.0005)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await none_open(proxy.server)
        await none_open(server)


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as (server, seen), forward_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.server.url)
        monkeypatch.setenv("ALL_PROXY", proxy.server.url)
        assert await fetch(HttpxTransport(PRIVATE), HttpRequest("POST", server.url)) == OK
        assert not proxy.seen
    assert len(seen) == 1
