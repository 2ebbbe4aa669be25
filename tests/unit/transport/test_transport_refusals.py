"""What a `Transport` never sends, and to whom: URLs, headers, certificates, addresses."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.errors import GatewayError, UpstreamUnreachable
from gateway.providers.base import Timeouts
from gateway.providers.transport.addresses import AddressPolicy, AddressRefused
from gateway.providers.transport.base import HttpRequest, Transport
from tests.fakes.certificates import Authority
from tests.fakes.raw_server import Peer, answer, raw_server
from tests.unit.transport.kit import (
    IMPLEMENTATIONS,
    OK,
    PRIVATE,
    Make,
    ask,
    fetch,
    opened,
    saying,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = Timeouts(connect=20.0, first_byte=20.0, whole=20.0, idle=20.0)


# --- what is never sent ---


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/a\r\nx: y",
        "http://127.0.0.1:{port}/a b",
        "http://user:secret@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}@evil.example/",
        "http://127.0.0.1\\@evil.example/",
        "ftp://127.0.0.1:{port}/",
        "http:///path",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:{port}/ä",
        "127.0.0.1:{port}",
        "",
    ],
)
async def test_urls_that_are_refused(transport: Transport, url: str) -> None:
    async with saying(answer(OK)) as server:
        with pytest.raises(UpstreamUnreachable) as caught:
            await transport.send(HttpRequest("POST", url.replace("{port}", str(server.port))))
        assert "secret" not in str(caught.value)
        assert server.connections == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer a\r\nx: y"},
        {"authorization": "Bearer a\nx: y"},
        {"x": "a\x00b"},
        {"x\r\ny": "z"},
        {"x y": "z"},
        {"": "z"},
        {"x": "\u20ac"},
        {"host": "evil.example"},
        {"Content-Length": "3"},
        {"transfer-encoding": "chunked"},
    ],
)
async def test_headers_that_are_refused(transport: Transport, headers: dict[str, str]) -> None:
    async with saying(answer(OK)) as server:
        with pytest.raises(UpstreamUnreachable):
            await transport.send(HttpRequest("POST", server.url, headers))
        assert server.connections == 0


# --- TLS ---


@asynccontextmanager
async def over_tls(make: Make, context: ssl.SSLContext, trust: ssl.SSLContext) -> AsyncIterator[list[bytes]]:
    """What a server with that certificate received from a client with that trust."""
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            seen.append(request)
            await peer.say(answer(OK))

    async with raw_server(script, context) as server:
        transport = make(PRIVATE, trust)
        try:
            for _ in range(3):
                assert await fetch(transport, ask(server)) == OK
            assert server.connections == opened(transport, 3)
        finally:
            await transport.aclose()
            seen.append(b"tries")
            yield seen


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
async def test_tls_with_a_good_certificate(make: Make, authority: Authority) -> None:
    async with over_tls(make, authority.server("127.0.0.1"), authority.client()) as seen:
        assert len(seen) == 4


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
@pytest.mark.parametrize("fault", ["wrong-name", "unknown-authority", "expired"])
async def test_tls_with_a_bad_certificate(make: Make, authority: Authority, fault: str) -> None:
    context = authority.server(
        "other.example" if fault == "wrong-name" else "127.0.0.1", -1 if fault == "expired" else 1
    )
    trust = ssl.create_default_context() if fault == "unknown-authority" else authority.client()
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())

    async with raw_server(script, context) as server:
        transport = make(PRIVATE, trust)
        with pytest.raises(UpstreamUnreachable, match="certificate"):
            await fetch(transport, ask(server))
        await transport.aclose()
    assert not any(seen)


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
async def test_plain_server_behind_https(make: Make) -> None:
    async with saying(answer(OK)) as server:
        server.url = server.url.replace("http:", "https:")
        transport = make(PRIVATE)
        with pytest.raises(GatewayError):
            await fetch(transport, ask(server, connect=0.5, first_byte=0.5))
        await transport.aclose()


# --- addresses ---


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"]
)
@pytest.mark.parametrize("make", IMPLEMENTATIONS)
async def test_private_addresses_need_the_switch(make: Make, host: str) -> None:
    transport = make(AddressPolicy())
    async with saying(answer(OK)) as server:
        with pytest.raises(UpstreamUnreachable, match="not allowed"):
            await transport.send(HttpRequest("POST", f"http://{host}:{server.port}/", timeouts=PATIENCE))
        assert server.connections == 0
    await transport.aclose()


@pytest.mark.parametrize(
    ("address", "port", "policy", "allowed"),
    [
        ("93.184.216.34", 443, AddressPolicy(), True),
        ("2606:2800:220:1::1", 443, AddressPolicy(), True),
        ("10.1.2.3", 443, AddressPolicy(), False),
        ("fd00::1", 443, AddressPolicy(), False),
        ("10.1.2.3", 443, PRIVATE, True),
        ("127.0.0.1", 443, PRIVATE, True),
        ("169.254.169.254", 80, PRIVATE, False),
        ("fe80::1%eth0", 80, PRIVATE, False),
        ("fd00:ec2::254", 80, PRIVATE, False),
        ("::ffff:169.254.169.254", 80, PRIVATE, False),
        ("64:ff9b::a9fe:a9fe", 80, PRIVATE, False),
        ("2002:a9fe:a9fe::", 80, PRIVATE, False),
        ("100.100.100.200", 80, PRIVATE, False),
        ("224.0.0.1", 80, PRIVATE, False),
        ("::1", 8000, AddressPolicy(True, frozenset({8000})), False),
        ("0.0.0.0", 8000, AddressPolicy(True, frozenset({8000})), False),
        ("::ffff:127.0.0.1", 8000, AddressPolicy(True, frozenset({8000})), False),
        ("127.0.0.1", 8001, AddressPolicy(True, frozenset({8000})), True),
    ],
)
async def test_address_policy(address: str, port: int, policy: AddressPolicy, allowed: bool) -> None:
    if allowed:
        policy.check(address, port)
    else:
        with pytest.raises(AddressRefused):
            policy.check(address, port)


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
async def test_engines_are_reached_without_the_switch(make: Make) -> None:
    transport = make(AddressPolicy())
    async with saying(answer(OK)) as server:
        assert await fetch(transport, HttpRequest("POST", server.url, engine=True)) == OK
    await transport.aclose()


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_our_own_port_and_metadata_are_never_reached(make: Make, host: str) -> None:
    async with saying(answer(OK)) as server:
        transport = make(AddressPolicy(allow_private=True, own_ports=frozenset({server.port})))
        with pytest.raises(UpstreamUnreachable, match="not allowed"):
            await transport.send(HttpRequest("POST", f"http://{host}:{server.port}/"))
        with pytest.raises(UpstreamUnreachable, match="not allowed"):
            await transport.send(HttpRequest("GET", "http://169.254.169.254/latest/meta-data"))
        assert server.connections == 0
        await transport.aclose()
