"""Rules of confidentiality in the UI: set in the forms, shown in the tables, and never lost by another change."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.ui.house import House


def read(house: House, path: str) -> Any:
    with house.gateway.http() as http:
        return http.get(f"/api/admin/{path}").raise_for_status().json()


def test_a_key_gets_its_rule_and_keeps_it(admin: Page, house: House) -> None:
    house.open(admin, "keys?open=new")
    drawer = admin.get_by_role("dialog")
    drawer.get_by_label(re.compile("^Name")).fill("Clinic")
    drawer.get_by_label("Where it runs").select_option("required")
    drawer.get_by_label("Where data may go").select_option("local-only")
    drawer.get_by_role("button", name="Make key").click()
    admin.get_by_role("button", name="I have copied it").click()
    row = admin.get_by_role("row", name=re.compile("Clinic"))
    expect(row.get_by_text("TEE", exact=True)).to_be_visible()
    expect(row.get_by_text("local", exact=True)).to_be_visible()
    admin.get_by_role("switch", name="Enabled: Clinic").click()
    expect(admin.get_by_text("Clinic is off.")).to_be_visible()
    (key,) = [one for one in read(house, "apikeys")["data"] if one["name"] == "Clinic"]
    assert (key["enabled"], key["tee"], key["data"]) == (False, "required", "local-only")


def test_a_model_gets_its_rule_and_what_is_declared_stays(admin: Page, house: House) -> None:
    with house.gateway.http() as http:
        target = {"provider": "main", "model": "gpt-x", "tee": True}
        body = {"id": "medical", "targets": [target], "data": "local-only"}
        http.post("/api/admin/models", json=body).raise_for_status()
    house.open(admin, "models?open=medical")
    drawer = admin.get_by_role("dialog")
    expect(drawer.get_by_label("Where data may go")).to_have_value("local-only")
    drawer.get_by_label("Where it runs").select_option("required")
    drawer.get_by_role("button", name="Save", exact=True).click()
    row = admin.get_by_role("row", name=re.compile("medical"))
    expect(row.get_by_text("TEE", exact=True)).to_be_visible()
    admin.get_by_role("switch", name="Enabled: medical").click()
    expect(admin.get_by_text("medical is off.")).to_be_visible()
    model = read(house, "models/medical")
    assert (model["tee"], model["data"], model["targets"][0]["tee"]) == ("required", "local-only", True)


def test_a_provider_keeps_what_is_declared_of_it(admin: Page, house: House) -> None:
    with house.gateway.http() as http:
        models = [{"id": "m-1", "tee": False}]
        body = {"id": "rack", "base_url": f"{house.upstream.url}/v1", "tee": True, "data": "local", "models": models}
        http.post("/api/admin/providers", json=body).raise_for_status()
    house.open(admin, "providers?open=rack")
    admin.get_by_role("dialog").get_by_label("Name", exact=True).fill("The rack")
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.get_by_role("row", name=re.compile("The rack"))).to_be_visible()
    rack = read(house, "providers/rack")
    assert (rack["tee"], rack["data"], rack["models"][0]["tee"]) == (True, "local", False)
