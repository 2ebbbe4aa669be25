"""Batches as OpenAI's clients use them: a file of requests goes up, files of answers and of errors come down."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types import Batch

from tests.api.jobs import ANNA, BERT, CHAT, chat, eventually, rows, running
from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream
from tests.trust.processes import MASTER, Served, provider_yaml


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    served = running(tmp_path, upstream)
    yield served
    served.stop()


def line(number: int, **changes: Any) -> dict[str, Any]:
    return {"custom_id": f"ask-{number}", "method": "POST", "url": CHAT, "body": chat()} | changes


def written(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


def sent(client: openai.OpenAI, content: bytes, endpoint: Any = CHAT, **more: Any) -> Batch:
    file = client.files.create(file=("asks.jsonl", content), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more)


def ended(client: openai.OpenAI, id: str) -> Batch:
    eventually(lambda: client.batches.retrieve(id).status in ("completed", "failed", "expired", "cancelled"), 60)
    return client.batches.retrieve(id)


def told(client: openai.OpenAI, file_id: str | None) -> list[Any]:
    assert file_id
    return [json.loads(one) for one in client.files.content(file_id).text.splitlines()]


def counted(batch: Batch) -> int:
    return batch.request_counts.completed if batch.request_counts else 0


def test_a_file_of_requests_becomes_a_file_of_answers_in_its_order(gateway: RunningGateway, upstream: Upstream) -> None:
    with gateway.client(ANNA) as client:
        batch = sent(client, written(*map(line, range(30))), metadata={"night": "1"})
        assert batch.status == "validating" and batch.metadata == {"night": "1"} and batch.output_file_id is None
        done = ended(client, batch.id)
        answers = told(client, done.output_file_id)
    assert done.status == "completed" and done.error_file_id is None and done.completed_at
    assert done.request_counts and done.request_counts.model_dump() == {"total": 30, "completed": 30, "failed": 0}
    assert [one["custom_id"] for one in answers] == [f"ask-{number}" for number in range(30)]
    for one in answers:
        assert one["error"] is None and one["response"]["status_code"] == 200
        assert one["response"]["body"]["object"] == "chat.completion"
    with gateway.http() as http:
        eventually(lambda: len(rows(http)) == 30)
        assert {row["request_id"] for row in rows(http)} == {one["response"]["request_id"] for one in answers}
        assert {row["key_name"] for row in rows(http)} == {"anna"}


def test_what_fails_is_in_a_file_of_its_own(gateway: RunningGateway, upstream: Upstream) -> None:
    asks = written(line(0), line(1, body=chat("no-such-model")), line(2, body={"model": "gpt-x"}))
    with gateway.client(ANNA) as client:
        done = ended(client, sent(client, asks).id)
        errors = told(client, done.error_file_id)
        answers = told(client, done.output_file_id)
    assert done.status == "completed" and [one["custom_id"] for one in answers] == ["ask-0"]
    assert done.request_counts and done.request_counts.model_dump() == {"total": 3, "completed": 1, "failed": 2}
    told_codes = [(one["custom_id"], one["response"]["body"]["error"]["code"]) for one in errors]
    assert told_codes == [("ask-1", "model_not_found"), ("ask-2", "missing_required_parameter")]
    assert [one["response"]["status_code"] for one in errors] == [404, 400]


def test_a_wrong_file_fails_with_the_line_and_the_field_of_each_problem(gateway: RunningGateway) -> None:
    with gateway.client(ANNA) as client:
        done = ended(client, sent(client, written(line(0), line(0), line(1, url="/v1/embeddings")) + b"{oops\n").id)
    assert done.status == "failed" and done.failed_at and done.output_file_id is None and done.errors
    problems = [(one.line, one.param, one.code) for one in done.errors.data or []]
    assert problems == [(2, "custom_id", "duplicate_custom_id"), (3, "url", "invalid_url"), (4, None, "invalid_json")]


def test_other_apis_are_answered_in_their_own_shape(gateway: RunningGateway) -> None:
    ask = line(0, url="/v1/messages", body=chat(max_tokens=9))
    with gateway.client(ANNA) as client:
        done = ended(client, sent(client, written(ask), "/v1/messages").id)
        answers = told(client, done.output_file_id)
    assert answers[0]["response"]["body"]["type"] == "message"


def test_a_cancelled_batch_lets_go_of_its_upstream_and_tells_the_rest(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.script = [""] * 3
    upstream.faults["gpt-x"] = "hang"
    with gateway.client(ANNA) as client:
        batch = sent(client, written(*map(line, range(20))))
        eventually(lambda: len(upstream.requests) >= 11)
        assert client.batches.cancel(batch.id).status == "cancelling"
        done = ended(client, batch.id)
        answers, errors = told(client, done.output_file_id), told(client, done.error_file_id)
        eventually(lambda: len(upstream.disconnects) == 8)
        assert done.status == "cancelled" and done.cancelling_at and done.cancelled_at
        assert len(answers) == 3 and {one["error"]["code"] for one in errors} == {"batch_cancelled"}
        with pytest.raises(openai.ConflictError, match="has ended"):
            client.batches.cancel(batch.id)


def test_only_its_key_and_the_master_key_see_a_file_and_a_batch(gateway: RunningGateway) -> None:
    with gateway.client(ANNA) as anna, gateway.client(BERT) as bert, gateway.client() as master:
        batch = sent(anna, written(line(0)))
        done = ended(anna, batch.id)
        assert done.output_file_id
        for hidden in (batch.input_file_id, done.output_file_id):
            for ask in (bert.files.retrieve, bert.files.delete, bert.files.content):
                with pytest.raises(openai.NotFoundError):
                    ask(hidden)
        with pytest.raises(openai.NotFoundError):
            bert.batches.retrieve(batch.id)
        with pytest.raises(openai.NotFoundError):
            bert.batches.create(
                input_file_id=batch.input_file_id, endpoint="/v1/chat/completions", completion_window="24h"
            )
        assert [*bert.files.list()] == [] and [*bert.batches.list()] == []
        assert [one.id for one in master.batches.list()] == [one.id for one in anna.batches.list()] == [batch.id]
        assert [one.purpose for one in anna.files.list()] == ["batch_output", "batch"]
        assert master.files.content(batch.input_file_id).content == written(line(0))


def test_a_key_that_is_gone_asks_nothing_more(gateway: RunningGateway, upstream: Upstream) -> None:
    """Eight at a time were asked already."""
    release = upstream.hold()
    with gateway.http() as http:
        key = http.post("/api/admin/apikeys", json={"name": "short"}).json()
        upstream.faults["gpt-x"] = "held"
        with gateway.client(key["key"]) as client:
            batch = sent(client, written(*map(line, range(20))))
            eventually(lambda: len(upstream.requests) == 8)
        assert http.delete(f"/api/admin/apikeys/{key['id']}").status_code == 200
    release()
    with gateway.client() as master:
        done = ended(master, batch.id)
        errors = told(master, done.error_file_id)
    assert done.status == "completed" and len(errors) == 12
    assert {one["response"]["status_code"] for one in errors} == {401}


def test_files_are_kept_as_they_came_and_listed_page_by_page(gateway: RunningGateway) -> None:
    contents = [b"", b"a\r\n\n\rb", b'{"x": "\xff"}', bytes(range(256)) * 5000]
    with gateway.client(ANNA) as client:
        files = [
            client.files.create(file=(f"../f{n}.jsonl", content), purpose="batch") for n, content in enumerate(contents)
        ]
        assert [client.files.content(one.id).content for one in files] == contents
        assert [(one.filename, one.bytes) for one in files] == [
            (f"f{n}.jsonl", len(content)) for n, content in enumerate(contents)
        ]
        ids = [one.id for one in files]
        assert [one.id for one in client.files.list(limit=2)] == ids[::-1], "page after page"
        assert [one.id for one in client.files.list(order="asc", purpose="batch")] == ids
        short = client.files.create(
            file=("s", b"x"), purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
        )
        assert short.expires_at == pytest.approx(short.created_at + 3600, abs=1)
        assert client.files.delete(ids[0]).deleted
        with pytest.raises(openai.NotFoundError):
            client.files.retrieve(ids[0])


def test_a_file_stays_as_long_as_a_batch_reads_it(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "hang"
    with gateway.client(ANNA) as client:
        batch = sent(client, written(line(0)))
        with pytest.raises(openai.ConflictError, match=batch.id):
            client.files.delete(batch.input_file_id)
        client.batches.cancel(batch.id)
        ended(client, batch.id)
        assert client.files.delete(batch.input_file_id).deleted


@pytest.mark.parametrize(
    ("files", "data", "param"),
    [
        ({"file": ("a", b"x")}, {"purpose": "fine-tune"}, "purpose"),
        ({"file": ("a", b"x")}, {}, "purpose"),
        ({}, {"purpose": "batch", "file": "text"}, "file"),
        ({"file": ("a", b"x")}, {"purpose": "batch", "expires_after[seconds]": "60"}, "expires_after[seconds]"),
        ({"file": ("a", b"x" * 1_100_000)}, {"purpose": "batch"}, "file"),
    ],
)
def test_a_wrong_upload_names_its_field(tmp_path: Path, upstream: Upstream, files: Any, data: Any, param: str) -> None:
    gateway = running(tmp_path, upstream, batches={"max_file_mb": 1})
    try:
        with gateway.http(ANNA) as http:
            given = {**files, **{name: (None, value) for name, value in data.items()}}
            reply = http.post("/v1/files", files=given)
            assert reply.status_code in (400, 413) and reply.json()["error"]["param"] == param
            assert http.get("/v1/files").json()["data"] == []
    finally:
        gateway.stop()


@pytest.mark.parametrize(
    ("changes", "param", "status"),
    [
        ({"endpoint": "/v1/audio/speech"}, "endpoint", 400),
        ({"completion_window": "8 days"}, "completion_window", 400),
        ({"completion_window": "169h"}, "completion_window", 400),
        ({"input_file_id": "file-none"}, "input_file_id", 404),
        ({"metadata": {"a": "x" * 513}}, "metadata", 400),
        ({"model": "gpt-x"}, "model", 400),
    ],
)
def test_a_wrong_batch_names_its_field(gateway: RunningGateway, changes: Any, param: str, status: int) -> None:
    with gateway.client(ANNA) as client:
        file = client.files.create(file=("asks.jsonl", written(line(0))), purpose="batch")
    with gateway.http(ANNA) as http:
        body = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h"} | changes
        reply = http.post("/v1/batches", json=body)
        assert (reply.status_code, reply.json()["error"]["param"]) == (status, param)


def test_there_are_no_more_than_the_settings_allow(tmp_path: Path, upstream: Upstream) -> None:
    release = upstream.hold()
    upstream.faults["gpt-x"] = "held"
    gateway = running(tmp_path, upstream, batches={"max_open": 1, "max_kept_mb": 0.001})
    try:
        with gateway.client(ANNA) as client:
            sent(client, written(line(0)))
            with pytest.raises(openai.RateLimitError, match="not finished"):
                sent(client, written(line(0)))
            with pytest.raises(openai.APIStatusError, match="delete some first"):
                client.files.create(file=("a", b"x" * 1000), purpose="batch")
    finally:
        release()
        gateway.stop()


def test_a_request_that_never_fits_the_limits_of_its_key_is_an_error_at_once(
    tmp_path: Path, upstream: Upstream
) -> None:
    gateway = running(tmp_path, upstream, keys=[{"name": "anna", "key": ANNA, "tpm": 50}])
    try:
        with gateway.client(ANNA) as client:
            done = ended(client, sent(client, written(line(0, body=chat(max_tokens=100)))).id)
            (error,) = told(client, done.error_file_id)
        assert error["response"]["status_code"] == 429
        assert "never fit" in error["response"]["body"]["error"]["message"] and not upstream.requests
    finally:
        gateway.stop()


def test_a_form_in_an_encoding_that_takes_minutes_to_read_is_refused(gateway: RunningGateway) -> None:
    mark = "content-disposition: form-data; name="
    parts = [f'{mark}"purpose"\r\n\r\n{"a-" + "baaa" * 4}', f'{mark}"file"; filename="a"\r\n\r\nx']
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n"
    with gateway.http(ANNA) as http:
        for charset, status in (("punycode", 415), ("undefined", 415), ("UTF-8", 400)):
            headers = {"content-type": f"multipart/form-data; boundary=b; charset={charset}"}
            reply = http.post("/v1/files", content=body, headers=headers)
            assert reply.status_code == status, charset
            assert reply.json()["error"]["message"]


def test_they_can_be_switched_off(tmp_path: Path, upstream: Upstream) -> None:
    gateway = running(tmp_path, upstream, batches={"max_open": 0})
    try:
        with gateway.client(ANNA) as client, pytest.raises(openai.PermissionDeniedError, match="BATCHES_MAX_OPEN"):
            client.files.create(file=("a", b"x"), purpose="batch")
    finally:
        gateway.stop()


def test_a_killed_gateway_goes_on_where_it_was(tmp_path: Path, upstream: Upstream) -> None:
    """Answers that were kept are not asked for again: at most those of the last second are."""
    count = 60
    upstream.faults["gpt-x"] = "late:0.5"
    served = Served(tmp_path, yaml=provider_yaml(upstream.url))
    served.start()
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=MASTER) as client:
        batch = sent(client, written(*map(line, range(count))))
        eventually(lambda: counted(client.batches.retrieve(batch.id)) > 15)
    served.kill()
    eventually(lambda: not upstream.server.live)  # what it sent last has arrived
    asked = len(upstream.requests)
    upstream.faults.clear()
    served.start()
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=MASTER) as client:
        eventually(lambda: client.batches.retrieve(batch.id).status == "completed", 150)
        done = client.batches.retrieve(batch.id)
        answers = told(client, done.output_file_id)
    assert [one["custom_id"] for one in answers] == [f"ask-{number}" for number in range(count)]
    assert len(upstream.requests) - asked <= count - 15
    served.stop()
