"""The client's address: a proxy's word counts only where the proxy is trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.addresses import client_address, is_secure, parse_address, parse_networks
from gateway.errors import ConfigError

PROXIES = parse_networks(["10.0.0.0/8", "::1"], "TRUSTED_PROXIES")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        ("198.51.100.7", [], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9, 10.2.3.4"], "203.0.113.9"),
        ("10.0.0.1", ["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, nonsense, 10.2.3.4"], "10.2.3.4"),
        ("10.0.0.1", [", ,"], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("::1", ["[2001:db8::5]:443"], "2001:db8::5"),
        ("testclient", ["203.0.113.9"], "testclient"),
    ],
)
def test_the_first_that_is_no_trusted_proxy_is_the_client(peer: str, forwarded: list[str], client: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == client


@given(forged=st.text(max_size=80))
def test_whatever_a_client_writes_itself_changes_nothing(forged: str) -> None:
    assert client_address("10.0.0.1", [f"{forged}, 203.0.113.9"], PROXIES) == "203.0.113.9"
    assert client_address("203.0.113.9", [forged], PROXIES) == "203.0.113.9"
    assert client_address("203.0.113.9", [forged], ()) == "203.0.113.9"


@given(text=st.text(max_size=60))
def test_any_text_can_be_asked_for_an_address(text: str) -> None:
    parse_address(text)


@pytest.mark.parametrize(
    ("scheme", "peer", "said", "secure"),
    [
        ("https", "203.0.113.9", "", True),
        ("http", "203.0.113.9", "https", False),
        ("http", "10.0.0.1", "https", True),
        ("http", "10.0.0.1", "https, http", False),
        ("http", "10.0.0.1", "", False),
    ],
)
def test_a_proxy_in_front_may_have_spoken_tls(scheme: str, peer: str, said: str, secure: bool) -> None:
    assert is_secure(scheme, peer, said, PROXIES) is secure


def test_what_is_no_network_is_named() -> None:
    with pytest.raises(ConfigError, match=r"TRUSTED_PROXIES: '10\.0\.0\.0/99'"):
        parse_networks(["10.0.0.0/99"], "TRUSTED_PROXIES")
