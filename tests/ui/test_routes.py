"""Routes and requests on the screens: draining, dry runs, YAML beside the form, health of providers, running rows."""

import re
import threading

import pytest
from playwright.sync_api import Page, expect

from tests.ui.house import House

DRAINED = "main/gpt-4o-mini"


@pytest.fixture
def routes(house: House) -> House:
    """With models of the tests' own."""
    with house.gateway.http() as http:
        for name in ("mine", "yours"):
            target = {"provider": "main", "model": "gpt-4o-mini", "supports": {"tools": False}}
            http.post("/api/admin/models", json={"id": name, "targets": [target], "max_tokens": 500})
    return house


def ask(house: House, model: str) -> int:
    with house.gateway.http() as http:
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
        return http.post("/v1/chat/completions", json=body).status_code


def test_a_target_is_drained_and_takes_requests_again(admin: Page, routes: House) -> None:
    routes.open(admin, "models?open=mine")
    drawer = admin.get_by_role("dialog")
    drawer.get_by_role("button", name="Drain").click()
    expect(admin.get_by_text(f"{DRAINED} gets no new requests.")).to_be_visible()
    expect(drawer.get_by_text("drained", exact=True)).to_be_visible()
    assert ask(routes, "mine") == 503
    drawer.get_by_role("button", name="Take requests again").click()
    expect(drawer.get_by_role("button", name="Drain")).to_be_visible()
    assert ask(routes, "mine") == 200


def test_a_dry_run_takes_a_typed_request_and_a_key(admin: Page, routes: House) -> None:
    with routes.gateway.http() as http:
        http.post("/api/admin/apikeys", json={"name": "Fenced key", "allowed_models": ["other-*"]})
    routes.open(admin, "models?open=mine&tab=dryRun")
    drawer = admin.get_by_role("dialog")
    expect(drawer.get_by_text("asked first")).to_be_visible()
    drawer.get_by_text("with tools").click()
    drawer.get_by_role("button", name="Explain").click()
    expect(drawer.get_by_text("Refused with 400 unsupported_parameter")).to_be_visible()
    expect(drawer.get_by_text("it cannot do what the request needs: tools")).to_be_visible()
    drawer.get_by_role("button", name="JSON", exact=True).click()
    drawer.get_by_role("textbox", name="JSON").fill('{"messages": [], "max_tokens": 501}')
    drawer.get_by_role("button", name="Explain").click()
    expect(drawer.get_by_text("at most 500 tokens")).to_be_visible()
    drawer.get_by_label("As this key").select_option("Fenced key")
    drawer.get_by_role("button", name="Explain").click()
    expect(drawer.get_by_role("alert")).to_contain_text("may not use the model")


def test_form_and_yaml_go_in_step(admin: Page, routes: House) -> None:
    routes.open(admin, "models?open=yours")
    drawer = admin.get_by_role("dialog")
    drawer.get_by_label("Policy").select_option("cheapest")
    drawer.get_by_role("button", name="YAML").click()
    editor = drawer.get_by_role("textbox", name="YAML")
    expect(editor).to_have_value(re.compile("policy: cheapest"))
    expect(editor).to_have_value(re.compile("max_tokens: 500"))
    written = editor.input_value()
    editor.fill(written.replace("cheapest", "best"))
    line = written.splitlines().index("    policy: cheapest") + 1
    expect(drawer.get_by_role("button", name=f"Line {line}")).to_be_visible()
    drawer.get_by_role("button", name="Route").click()
    expect(editor).to_be_visible()
    editor.fill(written.replace("cheapest", "least-busy") + "    hedge:\n      max_share: 0.5\n")
    expect(drawer.get_by_text("It fits")).to_be_visible()
    drawer.get_by_role("button", name="Route").click()
    expect(drawer.get_by_label("Policy")).to_have_value("least-busy")
    drawer.get_by_role("button", name="Save").click()
    expect(admin.get_by_text("yours is saved.")).to_be_visible()
    with routes.gateway.http() as http:
        saved = http.get("/api/admin/models/yours").json()
    assert (saved["policy"], saved["hedge"]["max_share"], saved["max_tokens"]) == ("least-busy", 0.5, 500)


def test_a_provider_written_as_yaml_keeps_its_key(admin: Page, routes: House) -> None:
    with routes.gateway.http() as http:
        key = "sk-upstream-secret-123456"
        http.post("/api/admin/providers", json={"id": "kept", "base_url": f"{routes.upstream.url}/v1", "api_key": key})
        before = http.get("/api/admin/providers/kept").json()
    routes.open(admin, "providers?open=kept&tab=yaml")
    drawer = admin.get_by_role("dialog")
    editor = drawer.get_by_role("textbox", name="YAML")
    editor.fill(editor.input_value() + "    max_retries: 4\n")
    expect(drawer.get_by_text("It fits")).to_be_visible()
    drawer.get_by_role("button", name="Save", exact=True).click()
    expect(admin.get_by_text("kept is saved.")).to_be_visible()
    with routes.gateway.http() as http:
        after = http.get("/api/admin/providers/kept").json()
    assert (after["max_retries"], after["api_keys"]) == (4, before["api_keys"])


def test_a_provider_shows_how_it_did(admin: Page, routes: House) -> None:
    assert ask(routes, "mine") == 200
    with routes.gateway.http() as http:
        http.post("/api/admin/providers/main/test")
    routes.open(admin, "providers?open=main&tab=health")
    drawer = admin.get_by_role("dialog")
    expect(drawer.get_by_role("img", name=re.compile("^Requests, minute by minute: "))).to_be_visible()
    expect(drawer.get_by_role("img", name=re.compile("^Checks: "))).to_be_visible()
    drawer.get_by_text("Show as table").first.click()
    expect(drawer.get_by_role("columnheader", name="Tries")).to_be_visible()
    expect(drawer.get_by_text(DRAINED)).to_be_visible()


def test_a_running_request_is_a_row_that_turns_into_the_finished_one(admin: Page, routes: House) -> None:
    routes.open(admin, "requests")
    expect(admin.get_by_role("heading", name="Requests")).to_be_visible()
    release = threading.Event()
    routes.upstream.faults["mistral-small"] = "slow:0.3"

    def stream() -> None:
        body = {"model": "mistral-small", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
        with routes.gateway.http() as http:
            while not release.is_set():
                http.post("/v1/chat/completions", json=body, timeout=60)

    asking = threading.Thread(target=stream)
    asking.start()
    try:
        row = admin.get_by_role("row", name=re.compile("mistral-small.*running"))
        expect(row.first).to_be_visible()
    finally:
        release.set()
        asking.join(60)
    expect(row).to_have_count(0)
    expect(admin.get_by_role("row", name=re.compile("mistral-small.*200")).first).to_be_visible()


def test_the_catalog_shows_what_each_source_said(admin: Page, routes: House) -> None:
    with routes.gateway.http() as http:
        assert http.post("/catalog/refresh", timeout=60).status_code == 200
    routes.open(admin, "catalog?open=main/vendor/model-0003")
    drawer = admin.get_by_role("dialog")
    drawer.get_by_text("What each source said").click()
    expect(drawer.locator("pre").filter(has_text='"vendor/model-0003"').first).to_be_visible()
