"""Jobs of several processes: any worker answers for any job and has it cancelled; what a killed one ran has failed."""

import threading
from pathlib import Path
from typing import Any

from tests.api.jobs import ASYNC, CHAT, chat, ended, eventually, hand_over, stopped
from tests.fakes.postgres import Postgres
from tests.fakes.upstream import Upstream
from tests.trust.processes import Served, provider_yaml, usage_rows

SECRET = "a secret key of 32 characters or so"


def both(port: int) -> bool:
    """Whether two workers accept on the port."""
    found = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in found) == 2


def test_any_worker_knows_every_job_and_has_it_cancelled(tmp_path: Path, upstream: Upstream) -> None:
    jobs = 8
    with Served(tmp_path, yaml=provider_yaml(upstream.url), WORKERS="2") as served, served.http() as http:
        eventually(lambda: both(served.port))
        upstream.faults["gpt-x"] = "hang"
        ids = [hand_over(http)["id"] for _ in range(jobs)]
        assert {http.get(f"/v1/jobs/{id}").json()["status"] for id in ids for _ in range(4)} == {"running"}
        eventually(lambda: len(upstream.requests) == jobs)
        ends = [stopped(http, http.delete(f"/v1/jobs/{id}").json()) for id in ids]
        assert [job["status"] for job in ends] == ["cancelled"] * jobs
        eventually(lambda: len(upstream.disconnects) == jobs)
        upstream.faults.clear()
        done = [hand_over(http)["id"] for _ in range(jobs)]
        assert {ended(http, id)["status"] for id in done} == {"succeeded"}
        assert all(http.get(f"/v1/jobs/{id}/result").json()["choices"] for id in done for _ in range(3))
        eventually(lambda: len(usage_rows(http)) == 2 * jobs)


def test_what_a_killed_gateway_worked_on_has_failed(tmp_path: Path, upstream: Upstream) -> None:
    served = Served(tmp_path, yaml=provider_yaml(upstream.url))
    served.start()
    with served.http() as http:
        kept = ended(http, hand_over(http)["id"])
        upstream.faults["gpt-x"] = "hang"
        lost = hand_over(http)
        eventually(lambda: len(upstream.requests) == 2)
    served.kill()
    upstream.faults.clear()
    served.start()
    with served.http() as http:
        job = ended(http, lost["id"], 90)
        assert job["status"] == "failed" and job["error"]["code"] == "job_interrupted"
        assert http.get(lost["result_url"]).status_code == 503
        assert http.get(f"/v1/jobs/{kept['id']}").json() == kept
        assert [one["status"] for one in http.get("/v1/jobs").json()["data"]] == ["failed", "succeeded"]
    served.stop()


def test_sigterm_lets_jobs_end(tmp_path: Path, upstream: Upstream) -> None:
    served = Served(tmp_path, yaml=provider_yaml(upstream.url))
    served.start()
    upstream.script, release = ["held"], upstream.hold()
    with served.http() as http:
        id = hand_over(http)["id"]
    threading.Timer(2, release).start()
    served.stop()
    served.start()
    with served.http() as http:
        assert http.get(f"/v1/jobs/{id}").json()["status"] == "succeeded"
        assert len(usage_rows(http)) == 1
    served.stop()


def test_one_instance_cancels_what_another_runs(tmp_path: Path, postgres_server: Postgres, upstream: Upstream) -> None:
    shared: dict[str, Any] = {"DATABASE_URL": postgres_server.database(), "SECRET_KEY": SECRET}
    yaml = provider_yaml(upstream.url)
    with Served(tmp_path / "a", yaml=yaml, **shared) as a, Served(tmp_path / "b", yaml=yaml, **shared) as b:
        upstream.faults["gpt-x"] = "hang"
        with a.http() as runs, b.http() as asks:
            id = hand_over(runs)["id"]
            eventually(lambda: upstream.requests)
            assert stopped(asks, asks.delete(f"/v1/jobs/{id}").json())["status"] == "cancelled"
            assert upstream.wait_disconnect()
            upstream.faults.clear()
            done = ended(asks, hand_over(runs)["id"])
            assert asks.get(done["result_url"]).content == runs.get(done["result_url"]).content
            assert runs.post(CHAT, json=chat(), headers=ASYNC).status_code == 202
