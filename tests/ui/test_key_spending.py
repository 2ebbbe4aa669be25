"""Last uses and budgets that begin anew, in the pages of keys and users."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.jobs import eventually
from tests.api.running import RunningGateway
from tests.ui.house import PASSWORD, House, sign_in


@pytest.mark.parametrize("resource", ["apikeys", "users"])
def test_what_was_spent_is_reset_after_a_question(admin: Page, house: House, resource: str) -> None:
    budget = {"budget_usd": 2, "budget_period": "total"}
    with house.gateway.http() as http:
        account = {"username": "spender", "password": "a-long-enough-one"}
        user = http.post("/api/admin/users", json=account | (budget if resource == "users" else {})).json()["id"]
        fields = {"name": "spender's", "user_id": user} | (budget if resource == "apikeys" else {})
        key = http.post("/api/admin/apikeys", json=fields).json()
        house.open(admin, "keys?q=spender")
        row = admin.get_by_role("row", name=re.compile("^spender's"))
        expect(row.get_by_role("cell").nth(7)).to_have_text("never")
        prices = {"value": {"main/gpt-4o-mini": {"per_request": 2}}}
        assert http.put("/api/admin/settings/prices", json=prices).is_success
        path = f"/api/admin/{resource}/{key['id'] if resource == 'apikeys' else user}"
        with house.gateway.http(key["key"]) as client:
            body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
            assert [client.post("/v1/chat/completions", json=body).status_code for _ in range(2)] == [200, 402]
            eventually(lambda: http.get(path).json()["spent_usd"])
            house.open(admin, "keys?q=spender")
            expect(row.get_by_role("cell").nth(7)).to_have_text(re.compile(r"^(now|\d+ (s|min) ago)$"))
            house.open(admin, "keys?q=spender" if resource == "apikeys" else "users?q=spender")
            admin.get_by_role("row", name=re.compile("^spender")).click()
            drawer = admin.get_by_role("dialog", name=re.compile("spender"))
            expect(drawer.get_by_text("$2.00 of $2.00")).to_be_visible()
            drawer.get_by_role("button", name="Reset spending").click()
            question = admin.get_by_role("dialog", name="Reset what")
            expect(question).to_contain_text("$2.00 of this period will count no more")
            height = (question.bounding_box() or {"height": 800})["height"]
            assert height < 400, "as high as its text, not as the drawer behind it"
            question.get_by_role("button", name="Reset", exact=True).click()
            expect(admin.get_by_text("begins anew.")).to_be_visible()
            expect(admin.get_by_role("row", name=re.compile("^spender"))).to_contain_text("$0 of $2.00")
            assert client.post("/v1/chat/completions", json=body).status_code == 200
        http.delete("/api/admin/settings/prices")
        assert http.delete(f"/api/admin/users/{user}?cascade=true").is_success


def test_what_a_key_of_the_file_and_everybody_spent_is_reset(visitor: Page, house: House, tmp_path: Path) -> None:
    gateway = RunningGateway(
        tmp_path,
        ui_username="ada",
        ui_password=PASSWORD,
        providers={"main": {"base_url": f"{house.upstream.url}/v1", "models": ["gpt-x"]}},
        keys=[{"name": "ci", "key": "sk-of-the-file-0123456789", "budget_usd": 3}],
        limits={"budget_usd": 4},
        prices={"main/gpt-x": {"per_request": 2}},
    )
    with gateway.http("sk-of-the-file-0123456789") as client, gateway.http() as http:
        body = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}]}
        assert client.post("/v1/chat/completions", json=body).is_success
        eventually(lambda: http.get("/api/admin/settings/limits").json()["spent_usd"])
    sign_in(visitor, gateway.url)
    for address, spent, name in (
        ("keys?open=file-ci", "$2.00 of $3.00", "ci"),
        ("settings?open=limits", "$2.00 of $4.00", "everybody"),
    ):
        visitor.goto(f"{gateway.url}/ui/{address}")
        drawer = visitor.get_by_role("dialog").first
        expect(drawer.get_by_text(spent)).to_be_visible()
        drawer.get_by_role("button", name="Reset spending").click()
        question = visitor.get_by_role("dialog", name=f"Reset what {name} spent?")
        question.get_by_role("button", name="Reset", exact=True).click()
        expect(visitor.get_by_text(f"{name} begins anew.")).to_be_visible()
        expect(visitor.get_by_role("dialog")).to_have_count(0)
        visitor.goto(f"{gateway.url}/ui/{address}")
        expect(drawer.get_by_text(spent.replace("$2.00 of", "$0 of"))).to_be_visible()
    visitor.goto("about:blank")  # an open page asks a gateway that is gone
    gateway.stop()
