"""No spelling of a private address is fetched, the checked address is the one connected to, and answers are bounded.

Rows of docs/acceptance.md: A002-22.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from gateway.errors import InvalidImage
from gateway.media.addresses import is_public
from gateway.media.fetch import fetch, refuse_unsafe_url
from tests.fakes.certificates import Authority

PUBLIC = "93.184.216.34"


async def test_names_that_callers_choose_keep_no_thread_from_anybody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def never(*_: object, **__: object) -> list[object]:
        answered.wait(60)
        raise OSError("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    looks = [asyncio.ensure_future(refuse_unsafe_url(f"https://{n}.slow.example/")) for n in range(100)]
    try:
        await asyncio.wait(looks, timeout=0.1)
        assert await asyncio.wait_for(asyncio.to_thread(int), 20) == 0
    finally:
        answered.set()
        refused = await asyncio.gather(*looks, return_exceptions=True)
    assert all(isinstance(one, InvalidImage) for one in refused)


@dataclass
class Names:
    """A resolver with a script: each look-up of a name takes its next answer, the last one for ever."""

    answers: dict[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise OSError("no such host")
        answers = self.answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Wire(httpx.AsyncBaseTransport):
    """Sends what would go to a public address to a server on loopback, over real HTTP, and notes the address."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.scheme = "https" if tls else "http"
        self.dead: tuple[str, ...] = ()
        self.seen: list[httpx.Request] = []
        self._inner = httpx.AsyncHTTPTransport(trust_env=False, verify=tls or False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if request.url.host in self.dead:
            raise httpx.ConnectError("dead")
        request.url = request.url.copy_with(scheme=self.scheme, host="127.0.0.1", port=self.port)
        return await self._inner.handle_async_request(request)


Serve = Callable[[bytes], Awaitable[Wire]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server that gives one fixed answer to every request."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(answer: bytes, pause: float = 0.0) -> Wire:
            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                wire.request = await reader.readuntil(b"\r\n\r\n")  # type: ignore[attr-defined]
                with contextlib.suppress(ConnectionError):
                    writer.write(answer)
                    await writer.drain()
                    await asyncio.sleep(pause)
                writer.close()

            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            stack.callback(server.close)
            wire = Wire(server.sockets[0].getsockname()[1])
            return wire

        yield start


def _ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


REFUSED = [
    "http://127.0.0.1/", "http://127.0.0.1:8000/", "http://127.1/", "http://127.0.1/", "http://127.255.255.254/",
    "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://017700000001/",
    "http://127.0.0.01/", "http://0/", "http://0.0.0.0/", "http://0x0/", "http://00/", "http://127.0.0.1./",
    "http://[::]/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
    "http://[fe80::1]/", "http://[fe80::1%25lo]/", "http://[fd00:ec2::254]/", "http://[fc00::1]/", "http://[ff02::1]/",
    "http://[2001:db8::1]/", "http://[2001:0:7f00:1::]/", "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/", "http://0xa9fea9fe/", "http://169.254.170.2/", "http://100.100.100.200/",
    "http://168.63.129.16/", "http://192.0.0.192/", "http://10.0.0.1/", "http://172.16.0.1/", "http://172.31.255.255/",
    "http://192.168.1.1/", "http://100.64.0.1/", "http://198.18.0.1/", "http://224.0.0.1/", "http://240.0.0.1/",
    "http://255.255.255.255/", "http://localhost/", "http://LOCALHOST/", "http://localhost./",
    "http://localhost.localdomain/", "http://a.localhost/", "http://metadata.google.internal/", "http://printer.local/",
    "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://１２７.0.0.1/", "http://ⓛocalhost/",
    "http://user@example.com/", "http://user:pw@example.com/", "http://@127.0.0.1/", "http://example.com@127.0.0.1/",
    "http://127.0.0.1#@example.com/", "http://127.0.0.1?@example.com/", "http://example.com\\@127.0.0.1/",
    "http://127.0.0.1\\.example.com/", "http://example.com:0/", "http://example.com:99999/", "http://example.com:x/",
    "http:///x", "http:/127.0.0.1/", "http://", "//127.0.0.1/", "", "http://exa mple.com/",
    "http://example.com/\r\nX: y",
    "http://exam\tple.com/", "http://example.com/\x00", "http://a..b/", "http://%31%32%37.0.0.1/", "http://127.0.0.1%2f/",
    "http://[::1", "http://[127.0.0.1]/", "http://[v1.a]/", "http://" + "a" * 5000 + ".com/",
    "file:///etc/passwd", "ftp://example.com/", "gopher://127.0.0.1:6379/_X", "dict://127.0.0.1/", "ldap://127.0.0.1/",
    "tftp://127.0.0.1/", "jar:http://127.0.0.1!/", "unix:///var/run/docker.sock", "ws://127.0.0.1/", "data:,x",
    "javascript:1", "netdoc:///etc/passwd", "ssh://127.0.0.1/", "sftp://127.0.0.1/", "smb://127.0.0.1/x",
    "httpx://127.0.0.1/", " http://127.0.0.1/",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
async def test_spellings_of_what_is_not_public_are_refused(url: str) -> None:
    names = Names({"example.com": [[PUBLIC]]})
    wire = Wire()
    for attempt in (
        fetch(url, max_bytes=10, timeout=20, resolver=names, transport=wire),
        refuse_unsafe_url(url, resolver=names),
    ):
        with pytest.raises(InvalidImage) as caught:
            await attempt
        assert caught.value.error_code == "image_validation_failed"
        assert caught.value.message == "The URL is refused: only public http and https addresses may be fetched."
    assert wire.seen == []
    assert names.asked == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1", PUBLIC], ["::ffff:10.0.0.1"], ["fe80::1%eth0"], [], ["nonsense"]],
)
async def test_one_private_address_of_a_name_is_enough(addresses: list[str]) -> None:
    with pytest.raises(InvalidImage, match="refused"):
        await fetch("http://evil.test/", max_bytes=10, timeout=20, resolver=Names({"evil.test": [addresses]}))


async def test_the_checked_address_is_the_one_connected_to(serve: Serve) -> None:
    wire = await serve(_ok(b"png", "Content-Type: IMAGE/PNG; q=1", "Set-Cookie: a=b"))
    rebinding = Names({"evil.test": [[PUBLIC], ["127.0.0.1"]]})
    got = await fetch(
        "https://evil.test:8443/a%20b?c=d#e", max_bytes=10, timeout=20, resolver=rebinding, transport=wire
    )
    assert got == (b"png", "image/png")
    assert rebinding.asked == ["evil.test"]
    (request,) = wire.seen
    assert request.extensions["sni_hostname"] == "evil.test"
    sent = wire.request.decode().lower()  # type: ignore[attr-defined]
    assert sent.startswith("get /a%20b?c=d http/1.1\r\n")
    assert "\r\nhost: evil.test:8443\r\n" in sent
    assert "cookie" not in sent and "authorization" not in sent


async def test_a_public_address_is_dialled_as_it_is(serve: Serve) -> None:
    wire = await serve(_ok(b"x"))
    dialled: list[str] = []
    original = wire.handle_async_request

    async def note(request: httpx.Request) -> httpx.Response:
        dialled.append(request.url.host)
        return await original(request)

    wire.handle_async_request = note  # type: ignore[method-assign]
    wire.dead = ("2606:2800:220:1::1",)
    both = Names({"example.com": [["2606:2800:220:1::1", PUBLIC]]})
    assert (await fetch("http://example.com/", max_bytes=10, timeout=20, resolver=both, transport=wire))[0] == b"x"
    assert dialled == ["2606:2800:220:1::1", PUBLIC]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx",
        _ok(b""),
        _ok(b"\x1f\x8b", "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
    ],
    ids=["redirect", "404", "206", "empty", "gzip", "cut", "not http", "closed", "endless headers"],
)
async def test_odd_answers_are_refused(serve: Serve, answer: bytes) -> None:
    wire = await serve(answer)
    with pytest.raises(InvalidImage) as caught:
        await fetch("http://a.test/", max_bytes=100, timeout=20, resolver=Names({"a.test": [[PUBLIC]]}), transport=wire)
    assert "127.0.0.1" not in caught.value.message
    assert len(wire.seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        _ok(b"x" * 101),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_000_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9" + b"9" * 15 + b"\r\n\r\n",
    ],
)
async def test_size_is_bounded(serve: Serve, answer: bytes) -> None:
    wire = await serve(answer)
    with pytest.raises(InvalidImage, match="exceeds the maximum"):
        await fetch("http://a.test/", max_bytes=100, timeout=20, resolver=Names({"a.test": [[PUBLIC]]}), transport=wire)


async def test_time_is_bounded(serve: Serve) -> None:
    wire = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nx", 0.5)  # type: ignore[call-arg]
    with pytest.raises(InvalidImage, match="could not be fetched"):
        await fetch(
            "http://a.test/", max_bytes=100, timeout=0.1, resolver=Names({"a.test": [[PUBLIC]]}), transport=wire
        )


async def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(InvalidImage, match="could not be found"):
        await fetch("http://nobody.test/", max_bytes=10, timeout=20, resolver=Names({}))


@pytest.mark.parametrize(("name", "passes"), [("good.test", True), ("evil.test", False)])
async def test_the_certificate_must_be_that_of_the_name(name: str, passes: bool, tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_ok(b"x"))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=authority.server("good.test"))
    wire = Wire(server.sockets[0].getsockname()[1], authority.client())
    names = Names({name: [[PUBLIC]]})
    attempt = fetch(f"https://{name}/", max_bytes=10, timeout=20, resolver=names, transport=wire)
    if passes:
        assert (await attempt)[0] == b"x"
    else:
        with pytest.raises(InvalidImage, match="could not be fetched"):
            await attempt
    server.close()


@pytest.mark.parametrize(
    ("url", "passes"),
    [("http://a.test/", True), ("http://x.A.test./", True), ("http://ba.test/", False), (f"http://{PUBLIC}/", False)],
)
async def test_allowed_domains(url: str, passes: bool) -> None:
    names = Names({name: [[PUBLIC]] for name in ("a.test", "x.a.test", "ba.test")})
    check = refuse_unsafe_url(url, allowed_domains=["A.test"], resolver=names)
    if passes:
        await check
    else:
        with pytest.raises(InvalidImage):
            await check


async def test_our_own_port_is_refused_even_at_a_public_address() -> None:
    with pytest.raises(InvalidImage):
        await refuse_unsafe_url(f"http://{PUBLIC}:8000/", refused_ports={8000})
    await refuse_unsafe_url(f"http://{PUBLIC}/", refused_ports={8000})


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)
