"""A request that failed: its details say why, what to do, and lead to the key, the model or the target it met."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.api.jobs import eventually
from tests.ui.house import House
from tests.ui.test_looks import settled, violations

BODY = {"messages": [{"role": "user", "content": "Hi"}]}


def refused(house: House, fields: dict[str, object], model: str, status: int) -> str:
    """The id of a request that a key with these fields got no answer to."""
    with house.gateway.http() as http:
        key = http.post("/api/admin/apikeys", json={"name": f"refused {status}", **fields}).json()
        with house.gateway.http(key["key"]) as client:
            replies = [client.post("/v1/chat/completions", json={"model": model, **BODY}) for _ in range(2)]
        assert replies[-1].status_code == status
        request = str(replies[-1].headers["x-request-id"])
        eventually(lambda: http.get(f"/api/admin/requests/{request}").is_success)
    return request


@pytest.mark.parametrize(
    ("fields", "model", "status", "why", "what", "facts"),
    [
        (
            {"rpm": 1},
            "gpt-4o-mini",
            429,
            "A limit on the rate was reached",
            "raise the limit",
            ["refused 429", "1/min"],
        ),
        ({"allowed_models": ["x-*"]}, "gpt-4o-mini", 403, "may not use this model", "widen", ["refused 403"]),
        ({}, "never-heard-of", 404, "There is no model of this name", "Models & routes", ["never-heard-of"]),
    ],
)
def test_why_a_request_was_refused(
    admin: Page, house: House, fields: dict[str, object], model: str, status: int, why: str, what: str, facts: list[str]
) -> None:
    request = refused(house, fields, model, status)
    house.open(admin, f"requests?open={request}")
    told = admin.get_by_role("region", name="Why it failed")
    expect(told).to_contain_text(why)
    expect(told).to_contain_text(what)
    for fact in facts:
        expect(told).to_contain_text(fact)
    told.get_by_role("link", name=facts[0]).click()
    expect(admin).to_have_url(re.compile("/models\\?q=" if status == 404 else "/keys\\?open="))


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_told_of_a_refusal_can_be_read_by_everybody(admin: Page, house: House, dark: bool) -> None:
    request = refused(house, {"rpm": 1, "budget_usd": 5}, "gpt-4o-mini", 429)
    admin.emulate_media(color_scheme="dark" if dark else "light")
    house.open(admin, f"requests?open={request}")
    expect(admin.get_by_role("region", name="Why it failed")).to_contain_text("$0 of $5.00")
    settled(admin)
    assert violations(admin) == []


def test_a_request_that_was_answered_says_nothing_of_it(admin: Page, house: House) -> None:
    with house.gateway.http() as http:
        reply = http.post("/v1/chat/completions", json={"model": "gpt-4o-mini", **BODY})
        request = reply.headers["x-request-id"]
        eventually(lambda: http.get(f"/api/admin/requests/{request}").is_success)
    house.open(admin, f"requests?open={request}")
    expect(admin.get_by_role("dialog").get_by_text(request)).to_be_visible()
    expect(admin.get_by_role("region", name="Why it failed")).to_have_count(0)
