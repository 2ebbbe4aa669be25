"""What administrators see and do about the use of keys: when each was last used, and spending that begins anew."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.admin.people import PASSWORD, USER, log_in
from tests.api.jobs import eventually
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

SECRET = "9f2c4e7a1b8d5036c2e4f6a8b0d1e3f5a7b9"
FILE_KEY = "sk-file-9a8b7c6d5e4f3g2h"


def ask(gateway: RunningGateway, key: str) -> int:
    """The status of one request."""
    with gateway.http(key) as client:
        body = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 50}
        return client.post("/v1/chat/completions", json=body).status_code


@pytest.fixture
def pair(tmp_path: Path, upstream: Upstream) -> Iterator[tuple[RunningGateway, RunningGateway]]:
    """Two gateways on one database, each counting by itself."""
    settings: dict[str, Any] = {
        "providers": {"fake": {"type": "openai", "base_url": upstream.url, "api_key": "k" * 20, "models": ["gpt-x"]}},
        "prices": {"fake/gpt-x": {"per_request": 0.25}},
        "keys": [{"name": "ci", "key": FILE_KEY, "budget_usd": 0.5, "budget_period": "total"}],
        "database_url": f"sqlite:///{tmp_path}/gateway.db",
        "secret_key": SECRET,
    }
    one, other = (RunningGateway(tmp_path / name, **settings) for name in ("one", "other"))
    yield one, other
    one.stop()
    other.stop()


def test_keys_tell_when_they_were_last_used_by_whichever_instance(
    pair: tuple[RunningGateway, RunningGateway],
) -> None:
    one, other = pair
    with one.http() as admin:
        user = admin.post("/api/admin/users", json=USER).json()["id"]
        key = admin.post("/api/admin/apikeys", json={"name": "bob's", "user_id": user}).json()
        ids = {key["id"], "master", "file-ci"}

        def uses() -> dict[str, Any]:
            return {row["id"]: row["last_used_at"] for row in admin.get("/api/admin/apikeys").json()["data"]}

        assert uses() == dict.fromkeys(ids)
        eventually(lambda: ask(other, key["key"]) == 200)
        eventually(lambda: uses()[key["id"]])
        first = uses()
        assert datetime.now(UTC) - moment(first[key["id"]]) < timedelta(seconds=60)
        assert first["master"] is first["file-ci"] is None
        assert admin.get(f"/api/admin/apikeys/{key['id']}").json()["last_used_at"] == first[key["id"]]
        person = log_in(one, USER)
        assert person.get("/api/user/keys").json()["data"][0]["last_used_at"] == first[key["id"]]
        person.close()
        began = datetime.now(UTC)
        assert [ask(one, secret) for secret in (MASTER, FILE_KEY, key["key"])] == [200, 200, 200]
        eventually(lambda: all(at and moment(at) >= began for at in uses().values()))


def test_old_values_share_one_budget_and_end_at_once_with_a_rotation_without_overlap(
    pair: tuple[RunningGateway, RunningGateway],
) -> None:
    one, other = pair
    with one.http() as admin:
        made = admin.post("/api/admin/apikeys", json={"name": "ci", "budget_usd": 1.0}).json()
        path = f"/api/admin/apikeys/{made['id']}/rotate"
        values = [made["key"]] + [admin.post(path, json={"overlap_seconds": 3600}).json()["key"] for _ in range(2)]
        assert [ask(one, value) for value in values] == [200, 200, 200]
        eventually(lambda: admin.get(f"/api/admin/apikeys/{made['id']}").json()["spent_usd"] == 0.75)
        assert [ask(one, value) for value in values] == [200, 402, 402]
        admin.post(path)
        assert [ask(one, value) for value in values] == [401, 401, 401]
        eventually(lambda: [ask(other, value) for value in values] == [401, 401, 401])


def spend_all(gateways: Iterable[RunningGateway], key: str) -> float:
    """Asks each until it refuses; the dollars that it took."""
    answers = [status for gateway in gateways for status in iter(partial(ask, gateway, key), 402)]
    assert set(answers) <= {200}
    return 0.25 * len(answers)


@pytest.mark.parametrize("resource", ["apikeys", "users"])
def test_a_reset_gives_a_budget_room_again_in_every_instance_and_for_good(
    pair: tuple[RunningGateway, RunningGateway], resource: str
) -> None:
    one, other = pair
    budget = {"budget_usd": 0.5, "budget_period": "total"}
    with one.http() as admin:
        user = admin.post("/api/admin/users", json=USER | (budget if resource == "users" else {})).json()["id"]
        fields = {"name": "bob's", "user_id": user, **(budget if resource == "apikeys" else {})}
        made = admin.post("/api/admin/apikeys", json=fields).json()
        key, path = made["key"], f"/api/admin/{resource}/{made['id'] if resource == 'apikeys' else user}"
        eventually(lambda: lists_models(other, key))
        spent = spend_all(pair, key)
        eventually(lambda: admin.get(path).json()["spent_usd"] == spent)
        before = admin.get(path).json()
        assert spent >= 0.5 and before["spent_reset_at"] is None
        after = admin.post(f"{path}/reset-spend")
        assert ask(one, key) == 200, "at once where it was reset"
        eventually(lambda: ask(other, key) == 200)
        assert after.json()["spent_usd"] == 0 and after.headers["etag"] == f'"{before["version"] + 1}"'
        since = after.json()["spent_reset_at"]
        assert abs(moment(since) - datetime.now(UTC)) < timedelta(seconds=60)
        told = admin.get("/api/admin/audit", params={"action": "reset-spend"}).json()["data"]
        assert [(row["resource"], row["actor"], row["changes"]) for row in told] == [
            (resource, "master key", {"spent_usd": [spent, 0.0]})
        ]
        eventually(lambda: admin.get(path).json()["spent_usd"] == 0.5)
        new = {"current": PASSWORD, "new": "another good one"}
        person = log_in(one, USER)
        assert person.post("/api/user/password", json=new).status_code == 204
        person.close()
        renamed = {"name": "renamed", "user_id": user, **(budget if resource == "apikeys" else {})}
        assert admin.put(f"/api/admin/apikeys/{made['id']}", json=renamed).status_code == 200
        assert admin.get(path).json()["spent_reset_at"] == since, "a change of something else keeps it"
        assert 0.5 + spend_all(pair, key) <= 1.0, "a budget in each instance, counted from the reset on"


def test_what_was_answered_just_before_a_reset_is_nothing_spent_after_it(
    pair: tuple[RunningGateway, RunningGateway],
) -> None:
    """Rows are written behind the answers, and every change of anything counts again what was spent."""
    one, _ = pair
    with one.http() as admin:
        budget = {"name": "quick", "budget_usd": 0.5, "budget_period": "total"}
        made = admin.post("/api/admin/apikeys", json=budget).json()
        path = f"/api/admin/apikeys/{made['id']}"
        assert spend_all([one], made["key"]) == 0.5
        reset = admin.post(f"{path}/reset-spend").json()
        told = admin.get("/api/admin/audit", params={"action": "reset-spend"}).json()["data"]
        assert [row["changes"] for row in told] == [{"spent_usd": [0.5, 0.0]}]
        assert admin.get("/api/admin/requests", params={"key_id": made["id"]}).json()["total"] == 3
        found = admin.get(path).json()
        assert (reset["spent_usd"], found["spent_usd"]) == (0, 0)


def test_a_key_of_the_file_is_reset_as_one_of_the_database(pair: tuple[RunningGateway, RunningGateway]) -> None:
    one, other = pair
    path = "/api/admin/apikeys/file-ci"
    with one.http() as admin:
        spent = spend_all(pair, FILE_KEY)
        eventually(lambda: admin.get(path).json()["spent_usd"] == spent)
        assert admin.get(path).json()["spent_reset_at"] is None
        after = admin.post(f"{path}/reset-spend")
        assert (after.status_code, after.json()["spent_usd"]) == (200, 0)
        assert ask(one, FILE_KEY) == 200, "at once where it was reset"
        eventually(lambda: ask(other, FILE_KEY) == 200)
        assert abs(moment(after.json()["spent_reset_at"]) - datetime.now(UTC)) < timedelta(seconds=60)
        told = admin.get("/api/admin/audit", params={"action": "reset-spend"}).json()["data"]
        assert [(row["resource"], row["resource_id"], row["changes"]) for row in told] == [
            ("apikeys", "file-ci", {"spent_usd": [spent, 0.0]})
        ]
        eventually(lambda: admin.get(path).json()["spent_usd"] == 0.5)


def test_what_everybody_spent_is_reset(pair: tuple[RunningGateway, RunningGateway]) -> None:
    one, other = pair
    path = "/api/admin/settings/limits"
    with one.http() as admin:
        budget = {"value": {"budget_usd": 0.5, "budget_period": "total"}}
        assert admin.put(path, json=budget).status_code == 200
        spent = spend_all(pair, MASTER)  # the other one learns of the budget meanwhile
        eventually(lambda: admin.get(path).json()["spent_usd"] == spent)
        assert admin.get(path).json()["spent_reset_at"] is None
        after = admin.post(f"{path}/reset-spend").json()
        assert after["spent_usd"] == 0 and after["spent_reset_at"]
        assert ask(one, MASTER) == 200, "at once where it was reset"
        eventually(lambda: ask(other, MASTER) == 200)
        assert admin.get(path).json()["value"]["budget_usd"] == 0.5
        assert admin.delete(path).status_code == 200
        told = admin.get("/api/admin/audit", params={"action": "reset-spend"}).json()["data"]
        assert [(row["resource"], row["resource_id"]) for row in told] == [("settings", "limits")]


def test_only_what_is_there_and_has_a_budget_is_reset(pair: tuple[RunningGateway, RunningGateway]) -> None:
    with pair[0].http() as admin:
        for path in ("apikeys/file-nobody", "apikeys/master", "apikeys/nobody", "users/nobody"):
            refused = admin.post(f"/api/admin/{path}/reset-spend")
            assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")


def lists_models(gateway: RunningGateway, key: str) -> bool:
    """Whether it knows the key; asking for models costs nothing."""
    with gateway.http(key) as client:
        return client.get("/v1/models").status_code == 200


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
