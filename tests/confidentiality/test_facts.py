"""What the catalog's word about trusted execution environments is worth: only what it says clearly and lately."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.catalog.board import CatalogBoard, RefreshOutcome
from gateway.catalog.catalog import Catalog
from gateway.catalog.facts import Facts
from gateway.providers.base import Provider, ProviderType
from gateway.routing.types import Target
from gateway.state.tee_facts import CatalogTee
from tests.catalog.documents import NOW
from tests.catalog.merging import facts, row

CHUTES = Provider("chutes", ProviderType.CHUTES, "https://llm.chutes.ai")
OWN_HOST = "https://chutes-acme-m.chutes.ai/v1"


def board_of(*said: Facts) -> CatalogBoard:
    board = CatalogBoard()
    swap(board, *said)
    return board


def swap(board: CatalogBoard, *said: Facts) -> None:
    catalog = Catalog.of(said, NOW)
    board.swap(catalog, RefreshOutcome(NOW, 0.0, len(catalog.models), ()))


def asked(board: CatalogBoard, name: str, base_url: str = "", provider: Provider = CHUTES, later: float = 0.0) -> Any:
    tee = CatalogTee(board, "https://llm.chutes.ai", 3600, lambda: NOW / 1000 + later)
    return tee(Target(provider.id, name, base_url=base_url), provider)


def listed(**fields: Any) -> Facts:
    return facts("chutes", row("acme/M", "c-1", slug="chutes-acme-m", **fields))


@pytest.mark.parametrize("name", ["acme/M", "ACME/m", "chutes/acme/M", "acme/M:THINKING", "c-1"])
def test_a_chute_is_known_by_its_name_and_its_id(name: str) -> None:
    assert asked(board_of(listed(tee=True)), name) == (True, "")


def test_the_shared_host_of_the_settings_is_asked_by_name_too() -> None:
    board = board_of(listed(tee=True))
    tee = CatalogTee(board, "http://127.0.0.1:8701/v1", 3600, lambda: NOW / 1000)
    here = Provider("mine", ProviderType.CHUTES, "http://127.0.0.1:8701")
    assert tee(Target("mine", "acme/M"), here)[0] is True


@pytest.mark.parametrize(
    ("said", "runs", "why"),
    [
        ((listed(tee=False),), False, "runs outside"),
        ((listed(),), None, "does not say"),
        ((), None, "does not list it"),
        ((facts("llm", row("other", "c-2", tee=True)),), None, "does not list it"),
        ((facts("snapshot", row("acme/M", "c-1", tee=True)),), None, "does not say"),
        ((listed(), facts("snapshot", row("acme/M", "c-1", tee=True))), None, "does not say"),
        ((facts("snapshot", row("acme/M", "c-1", tee=False)),), None, "does not say"),
        ((listed(tee=True), facts("llm", row("acme/M", "c-1", tee=False))), False, "differs from place to place"),
        ((listed(tee=False), facts("llm", row("acme/M", "c-1", tee=True))), False, "runs outside"),
        ((listed(), facts("llm", row("acme/M", "c-1", tee=True))), True, ""),
        ((listed(), facts("llm", row("acme-M", tee=True))), None, "does not say"),
    ],
)
def test_what_is_not_said_clearly_is_not_said(said: tuple[Facts, ...], runs: bool | None, why: str) -> None:
    found = asked(board_of(*said), "acme/M")
    assert found[0] is runs and why in found[1]


def test_of_several_chutes_of_one_name_each_must_run_in_one() -> None:
    mine, other = row("acme/M", "c-1", username="acme", tee=True), row("acme/M", "c-2", username="zed", tee=False)
    assert asked(board_of(facts("chutes", mine, other)), "acme/M")[0] is False
    assert asked(board_of(facts("chutes", mine, other)), "c-1")[0] is True
    unsaid = row("acme/M", "c-2", username="zed")
    assert asked(board_of(facts("chutes", mine, unsaid)), "acme/M")[0] is None


def test_a_host_of_its_own_is_known_by_the_host_whatever_the_model_is_called() -> None:
    board = board_of(listed(tee=True), facts("llm", row("plain", "c-9", tee=False)))
    assert asked(board, "anything", OWN_HOST)[0] is True
    assert asked(board, "acme/M", "https://chutes-other.chutes.ai")[0] is None
    own = Provider("own", ProviderType.CHUTES, OWN_HOST)
    assert asked(board, "whatever", provider=own)[0] is True


def test_no_other_address_is_believed() -> None:
    board = board_of(listed(tee=True))
    for url in ("https://chutes-acme-m.chutes.ai.evil.example", "http://127.0.0.1:9", "https://llm.chutes.ai.example"):
        assert asked(board, "acme/M", url)[0] is None
        assert asked(board, "acme/M", provider=Provider("p", ProviderType.CHUTES, url))[0] is None


def test_old_words_do_not_count_but_old_warnings_do() -> None:
    board = board_of(listed(tee=True))
    assert asked(board, "acme/M", later=3599.0)[0] is True
    found = asked(board, "acme/M", later=7200.0)
    assert found[0] is None and "120 min old; 60 min is the most" in found[1]
    assert asked(board, "acme/M", later=-5.0)[0] is None, "nobody hears from the future"
    assert asked(board_of(listed(tee=False)), "acme/M", later=7200.0)[0] is False


def test_the_latest_of_those_who_say_so_counts() -> None:
    old, new = listed(tee=True), facts("llm", row("acme/M", "c-1", tee=True))
    assert asked(board_of(replace(old, at=NOW - 7_200_000), new), "acme/M", later=60.0)[0] is True
    assert asked(board_of(old, replace(new, at=NOW - 7_200_000)), "acme/M", later=60.0)[0] is True
    silent = facts("llm", row("acme/M", "c-1"))
    assert asked(board_of(replace(old, at=NOW - 7_200_000), silent), "acme/M", later=60.0)[0] is None


def test_a_new_catalog_counts_at_once() -> None:
    board = board_of(listed(tee=True))
    tee = CatalogTee(board, "https://llm.chutes.ai", 3600, lambda: NOW / 1000)
    target = Target("chutes", "acme/M")
    assert tee(target, CHUTES)[0] is True
    swap(board, listed(tee=False))
    assert tee(target, CHUTES)[0] is False
    swap(board)
    assert tee(target, CHUTES) == (None, "the catalog does not list it")
