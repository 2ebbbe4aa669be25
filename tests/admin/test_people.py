"""Accounts: the first one, logging in and out, roles, what a user may see, and how sessions end.

Rows of docs/acceptance.md: A002-04, A002-08.
"""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.admin.people import ADMIN, PASSWORD, USER, log_in, set_up
from tests.api.running import RunningGateway


def add_user(admin: httpx.Client, **fields: object) -> str:
    made = admin.post("/api/admin/users", json={**USER, **fields})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def visiting(gateway: RunningGateway, **more: Any) -> httpx.Client:
    return httpx.Client(base_url=gateway.url, timeout=20, **more)


def test_the_first_visit_makes_the_administrator_with_the_token_of_the_console(gateway: RunningGateway) -> None:
    with visiting(gateway) as visitor:
        assert visitor.get("/api/session").json()["setup_required"] is True
        assert visitor.post("/api/admin/setup", json=ADMIN | {"token": "guess"}).status_code == 403
    admin = set_up(gateway)
    assert admin.get("/api/session").json()["user"]["username"] == "ada"
    assert admin.get("/api/admin/providers").status_code == 200
    assert not (Path(gateway.state_dir) / "setup_token").exists()
    again = admin.post("/api/admin/setup", json=ADMIN | {"username": "eve", "token": ""})
    assert again.status_code == 403


def test_the_environment_may_name_the_administrator(tmp_path: Path) -> None:
    running = RunningGateway(tmp_path, ui_username="root", ui_password=PASSWORD)
    try:
        admin = log_in(running, {"username": "root", "password": PASSWORD}, "/api/admin/login")
        assert admin.get("/api/session").json() | {"csrf_token": ""} == {
            "setup_required": False,
            "role": "admin",
            "user": {"id": admin.get("/api/user/me").json()["id"], "username": "root", "role": "admin"},
            "csrf_token": "",
        }
    finally:
        running.stop()


def test_wrong_names_and_wrong_passwords_are_told_apart_by_nobody(gateway: RunningGateway) -> None:
    set_up(gateway)
    with visiting(gateway) as visitor:
        answers = [
            visitor.post("/api/admin/login", json={"username": name, "password": "wrong password"})
            for name in ("ada", "nobody")
        ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()


def test_guessing_is_slowed(gateway: RunningGateway) -> None:
    set_up(gateway)
    with visiting(gateway) as visitor:
        answers = [
            visitor.post("/api/admin/login", json={"username": "ada", "password": f"wrong {n}"}) for n in range(20)
        ]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and all(int(answer.headers["retry-after"]) >= 1 for answer in refused)


def test_a_change_without_the_csrf_token_is_refused(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    del admin.headers["x-csrf-token"]
    refused = admin.post("/api/admin/apikeys", json={"name": "forged"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "csrf_failed")
    assert admin.get("/api/admin/apikeys").json()["total"] == 1


def test_another_site_s_page_cannot_change_anything(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    refused = admin.post("/api/admin/apikeys", json={"name": "x"}, headers={"origin": "https://evil.example"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "csrf_failed")


def test_a_user_sees_the_own_account_and_nothing_else(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    add_user(admin)
    user = log_in(gateway, USER)
    assert user.get("/api/user/me").json()["username"] == "bob"
    assert user.get("/api/admin/providers").status_code == 403
    assert user.post("/api/admin/login", json=USER).status_code == 401, "this door is for administrators"
    own = user.post("/api/user/keys", json={"name": "mine"}).json()
    assert own["key"].startswith("sk-gw-")
    theirs = admin.post("/api/admin/apikeys", json={"name": "not bob's"}).json()
    assert [key["name"] for key in user.get("/api/user/keys").json()["data"]] == ["mine"]
    assert user.delete(f"/api/user/keys/{theirs['id']}").status_code == 404
    assert user.delete(f"/api/user/keys/{own['id']}").status_code == 200


def test_a_user_cannot_become_more_by_what_the_body_says(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    add_user(admin)
    user = log_in(gateway, USER)
    made = user.post("/api/user/keys", json={"name": "mine", "user_id": "somebody-else", "store_bodies": True}).json()
    assert made["user_id"] == user.get("/api/user/me").json()["id"]
    assert made["store_bodies"] is False
    assert user.post("/api/user/keys", json={"name": "x", "role": "admin"}).status_code == 400


def test_a_user_s_fence_holds_for_every_key_of_theirs(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    add_user(admin, allowed_models=["small-*"])
    key = log_in(gateway, USER).post("/api/user/keys", json={"name": "wide", "allowed_models": ["*"]}).json()["key"]
    with gateway.http("sk-master-0123456789abcdef") as master:
        body = {"base_url": "http://127.0.0.1:9", "type": "openai", "models": ["small-1", "large-1"]}
        assert master.post("/api/admin/providers", json={"id": "p", **body}).status_code == 201
    with gateway.http(key) as client:
        assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["small-1"]
        assert client.post("/v1/chat/completions", json={"model": "large-1", "messages": []}).status_code == 403


@pytest.mark.parametrize("change", [{"enabled": False}, {"password": "another good one"}])
def test_sessions_end_when_the_account_changes(gateway: RunningGateway, change: dict[str, object]) -> None:
    admin = set_up(gateway)
    id = add_user(admin)
    user = log_in(gateway, USER)
    assert user.get("/api/user/me").status_code == 200
    assert admin.put(f"/api/admin/users/{id}", json={"username": "bob", **change}).status_code == 200
    assert user.get("/api/user/me").status_code == 401


def test_a_session_from_before_an_account_was_switched_off_stays_ended(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    id = add_user(admin)
    user = log_in(gateway, USER)
    for enabled in (False, True):
        assert admin.put(f"/api/admin/users/{id}", json={"username": "bob", "enabled": enabled}).status_code == 200
    assert user.get("/api/user/me").status_code == 401
    assert log_in(gateway, USER).get("/api/user/me").status_code == 200


def test_a_name_that_is_taken_is_told_at_its_field(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    id = add_user(admin)
    for refused in (
        admin.post("/api/admin/users", json={"username": "ADA", "password": PASSWORD}),
        admin.put(f"/api/admin/users/{id}", json={"username": "Ada"}),
    ):
        error = refused.json()["error"]
        assert (refused.status_code, error["param"]) == (409, "username")
        assert error["message"] == "There is already a user 'ada'."
    assert admin.put(f"/api/admin/users/{id}", json={"username": "Bob"}).json()["username"] == "Bob"


def test_log_out_ends_the_session_also_for_a_stolen_cookie(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    stolen = visiting(gateway, cookies=dict(admin.cookies))
    assert stolen.get("/api/admin/providers").status_code == 200
    assert admin.post("/api/admin/logout").status_code == 204
    assert stolen.get("/api/admin/providers").status_code == 401


def test_a_log_in_ends_the_session_that_the_browser_had(gateway: RunningGateway) -> None:
    """Whoever kept a copy of its cookie is out."""
    browser = set_up(gateway)
    stolen = visiting(gateway, cookies=dict(browser.cookies))
    assert stolen.get("/api/user/me").status_code == 200
    assert browser.post("/api/user/login", json=ADMIN).status_code == 200
    assert browser.get("/api/user/me").status_code == 200
    assert stolen.get("/api/user/me").status_code == 401


def test_sessions_are_listed_and_ended_one_by_one(gateway: RunningGateway) -> None:
    first = set_up(gateway)
    second = log_in(gateway)
    listed = first.get("/api/user/sessions").json()
    assert [one["current"] for one in listed].count(True) == 1
    other = next(one["id"] for one in listed if not one["current"])
    assert first.delete(f"/api/user/sessions/{other}").status_code == 204
    assert second.get("/api/user/me").status_code == 401
    assert first.get("/api/user/me").status_code == 200


def test_the_own_password_needs_the_old_one(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    wrong = admin.post("/api/user/password", json={"current": "not it", "new": "another good one"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "current"), "the session has not ended"
    weak = admin.post("/api/user/password", json={"current": PASSWORD, "new": "password123"})
    assert (weak.status_code, weak.json()["error"]["param"]) == (400, "password")
    assert admin.post("/api/user/password", json={"current": PASSWORD, "new": "another good one"}).status_code == 204
    assert admin.get("/api/user/me").status_code == 401
    assert log_in(gateway, {"username": "ADA", "password": "another good one"}).get("/api/user/me").status_code == 200


def test_the_last_administrator_stays(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    me = admin.get("/api/user/me").json()["id"]
    assert admin.delete(f"/api/admin/users/{me}").status_code == 409
    assert admin.put(f"/api/admin/users/{me}", json={"username": "ada", "role": "user"}).status_code == 409


def test_deleting_a_user_takes_the_keys_along_and_says_so(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    id = add_user(admin)
    user = log_in(gateway, USER)
    key = user.post("/api/user/keys", json={"name": "mine"}).json()
    refused = admin.delete(f"/api/admin/users/{id}")
    assert f"apikeys/{key['id']} is deleted with its owner" in refused.json()["error"]["message"]
    assert admin.delete(f"/api/admin/users/{id}?cascade=true").status_code == 200
    assert user.get("/api/user/me").status_code == 401
    with gateway.http(key["key"]) as client:
        assert client.get("/v1/models").status_code == 401
