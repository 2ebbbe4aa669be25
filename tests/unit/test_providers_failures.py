"""What failures mean, without a network: shapes of error bodies, waiting times, and secrets in them.

Rows of docs/acceptance.md: A000-13, A000-21.
"""

import json
import time
from email.utils import formatdate
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from gateway.errors import (
    ConfigError,
    GatewayError,
    UpstreamBadResponse,
    UpstreamCredentials,
    UpstreamEndpointMissing,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamServerError,
    UpstreamUnavailable,
)
from gateway.openai_api.call import Usage
from gateway.openai_api.operations import CHAT
from gateway.providers import registry
from gateway.providers.failures import failure, failure_inside, read_complaint
from gateway.providers.redact import MAX_TEXT, redact
from gateway.providers.registry import build_adapters
from gateway.providers.transport.pooled import PooledTransport
from gateway.providers.usage import read_usage, usage_in_tail
from gateway.providers.vectors import check_vectors
from gateway.providers.whole import check_reply


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":{"message":"m","type":"t","code":"c"}}', "m"),
        (b'{"error":"m"}', "m"),
        (b'{"detail":"m"}', "m"),
        (b'{"detail":{"message":"m"}}', "m"),
        (b'{"object":"error","message":"m","code":400}', "m"),
        (b'{"message":"m"}', "m"),
        (b'"m"', "m"),
        (b"m", "m"),
        (b'{"detail":[{"loc":["body","n"],"msg":"bad"},{"msg":"worse"}]}', "n: bad; worse"),
        (b'{"error":{"message":{"a":1}}}', '{"a":1}'),
        (b"<!doctype html><title>Bad</title>", ""),
        (b"", ""),
        (b"[1]", ""),
        (b"[]", ""),
        (b'[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]', "m"),
        (b"null", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"error":null,"detail":null}', ""),
        (b'{"error":5}', ""),
        (b'{"detail":[1]}', "1"),
        (b'{"detail":[{"loc":5,"msg":"m"},{"loc":null,"msg":"m"}]}', "m; m"),
        (b'{"error":{"message":"m","code":"' + b"4" * 5000 + b'"}}', "m"),
    ],
)
def test_shapes_of_error_bodies(body: bytes, text: str) -> None:
    assert read_complaint(body).text == text


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens",
        "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
        "the request exceeds the available context size. try increasing the context size or enable context shift",
        "prompt is too long: 208000 tokens > 200000 maximum",
        "This model's maximum prompt length is 131072 but the request contains 143520 tokens.",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096.",
        "Input is too long for requested model.",
        "Invalid request: Your request exceeded model token limit: 262144 (requested: 291351)",
        "Prompt exceeds max length",
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]",
        "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
        "prompt token count of 150000 exceeds the limit of 128000",
    ],
)
def test_a_request_that_is_too_long_in_the_words_of_many(said: str) -> None:
    body = json.dumps({"error": {"message": said, "type": "invalid_request_error"}}).encode()
    for error in (failure(400, {}, body), failure_inside(body)):
        assert (type(error), error.http_status, error.error_code) == (UpstreamRefused, 400, "context_length_exceeded")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, {"message": "Project `p` does not have access to model `gpt-x`", "code": "model_not_found"}),
        (400, {"message": "The model `llama` has been decommissioned.", "code": "model_decommissioned"}),
        (400, {"message": "org/model is not a valid model ID", "code": 400}),
        (400, {"message": "Invalid model: mistral-x", "type": "invalid_model", "code": "1500"}),
        (400, {"message": "Model Not Exist", "code": "invalid_request_error"}),
        (400, {"message": "Model does not exist. Please check it carefully.", "code": 20012}),
        (400, {"message": "Unsupported model x, please use models API to get a list of supported models"}),
        (404, {"message": "The API deployment for this resource does not exist.", "code": "DeploymentNotFound"}),
    ],
)
def test_a_model_that_is_missing_is_no_fault_of_key_or_request(status: int, error: dict[str, object]) -> None:
    assert type(failure(status, {}, json.dumps({"error": error}).encode())) is UpstreamModelMissing


def test_other_refusals_of_key_or_request_stay_what_they_are() -> None:
    invalid = b'{"error":{"message":"Invalid model parameters","code":"invalid_value"}}'
    assert type(failure(400, {}, invalid)) is UpstreamRefused
    assert type(failure(403, {}, b'{"detail":"Forbidden for this account"}')) is UpstreamCredentials


@pytest.mark.parametrize("code", ["tool_use_failed", "json_validate_failed", "output_parse_failed"])
def test_a_model_that_fails_at_the_form_of_its_answer_is_no_fault_of_the_request(code: str) -> None:
    """Groq says so with 400. Another try often does better, and no target is worse for it."""
    said = "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details."
    told = {"message": said, "type": "invalid_request_error", "code": code, "failed_generation": "<function=f>"}
    body = json.dumps({"error": told}).encode()
    error = failure(400, {}, body)
    assert isinstance(error, UpstreamBadResponse) and said in error.message
    assert (error.http_status, error.error_code) == (502, code)
    assert (error.retryable, error.passes, error.counts_against_target) == (True, True, False)


@pytest.mark.parametrize(
    "moment", ["Mon, 01 Jan 999999999999 00:00:00 GMT", "Mon, 1 Jan 2024 0:0:0 -99999999999999999"]
)
def test_a_date_out_of_all_bounds_is_none(moment: str) -> None:
    assert failure(503, {"retry-after": moment}, b"").retry_after is None


def test_an_error_within_a_success_may_say_by_its_code_alone_that_the_request_is_too_long() -> None:
    error = failure_inside(b'{"error":{"message":"no","code":"context_length_exceeded"}}')
    assert (type(error), error.error_code) == (UpstreamRefused, "context_length_exceeded")


@pytest.mark.parametrize("status", [*range(201, 230), *range(400, 432), *range(500, 530)])
@pytest.mark.parametrize("body", [b"", b"[]", b'{"error":{"code":{},"param":[1],"message":null}}', b"{" * 5000])
def test_every_status_and_body_makes_an_error(status: int, body: bytes) -> None:
    error = failure(status, {"retry-after": "soon"}, body)
    assert 400 <= error.http_status <= 599
    assert error.message


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "3"}, b"", 3.0),
        ({"retry-after": "1.5"}, b"", 1.5),
        ({"retry-after-ms": "250"}, b"", 0.25),
        ({"retry-after": "3, 5"}, b"", 3.0),
        ({"retry-after": "7s"}, b"", 7.0),
        ({"retry-after": "-1"}, b"", None),
        ({"retry-after": "nan"}, b"", None),
        ({"retry-after": "99999999999"}, b"", 7 * 86_400.0),
        ({"retry-after": "x"}, b"", None),
        ({}, b'{"detail":{"message":"m","quota_reset_timestamp":0}}', 0.0),
        ({}, b'{"detail":{"message":"m","quota_reset_timestamp":"2000-01-01T00:00:00Z"}}', 0.0),
        ({}, b'{"detail":{"message":"m","quota_reset_timestamp":[]}}', None),
        ({}, b'[{"error":{"code":429,"message":"m","details":[{},{"retryDelay":"x"},{"retryDelay":7}]}}]', None),
        ({}, b'{"error":{"message":"m","metadata":{"headers":{"X-RateLimit-Reset":"1000000000000"}}}}', 0.0),
        ({}, b'{"error":{"message":"m","metadata":{"headers":{"X-RateLimit-Reset":"soon"}}}}', None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], body: bytes, seconds: float | None) -> None:
    assert failure(429, headers, body).retry_after == seconds


def test_waiting_until_a_date() -> None:
    wait = failure(503, {"retry-after": formatdate(time.time() + 60, usegmt=True)}, b"").retry_after
    assert wait is not None
    assert 30 < wait <= 60
    reset = b'{"detail":{"message":"m","quota_reset_timestamp":%d}}' % ((time.time() + 60) * 1000)
    wait = failure(402, {}, reset).retry_after
    assert wait is not None
    assert 30 < wait <= 60
    google = b'[{"error":{"code":429,"message":"m","details":[{"@type":"x"},{"retryDelay":"34.5s"}]}}]'
    wait = failure(429, {}, google).retry_after
    assert wait is not None
    assert 32 < wait <= 34.5
    headers = {"headers": {"X-RateLimit-Reset": str(int((time.time() + 60) * 1000))}}
    wait = failure(429, {}, json.dumps({"error": {"message": "m", "metadata": headers}}).encode()).retry_after
    assert wait is not None
    assert 30 < wait <= 60


def test_what_a_provider_finds_wrong_with_fields_is_told_by_field() -> None:
    wrong = {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}
    body = {"object": "error", "message": {"detail": [wrong]}, "type": "invalid_request_error", "code": None}
    assert failure(422, {}, json.dumps(body).encode()).message == "stream_options: Extra inputs are not permitted"


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        ({"message": "You exceeded your current quota", "type": "insufficient_quota", "code": None}, UpstreamQuota),
        ({"message": "suspended, please check your plan", "type": "exceeded_current_quota_error"}, UpstreamQuota),
        ("insufficient balance", UpstreamQuota),
        ({"message": "Insufficient account balance"}, UpstreamQuota),
        ({"code": "1113", "message": "您的账户已欠费，请充值后重试"}, UpstreamQuota),
        ({"message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED"}, UpstreamRateLimited),
        ({"message": "Rate limit reached", "type": "tokens", "code": "rate_limit_exceeded"}, UpstreamRateLimited),
        ({"message": "Slow down", "type": ["insufficient_quota"]}, UpstreamRateLimited),
    ],
)
def test_a_429_without_money_is_no_limit_of_rate(complaint: object, kind: type[GatewayError]) -> None:
    assert type(failure(429, {}, json.dumps({"error": complaint}).encode())) is kind


def test_an_account_in_arrears_is_no_fault_of_the_request() -> None:
    """Alibaba's, which would else go to the caller and never to another key or target."""
    body = b'{"error":{"message":"Access denied, account not in good standing.","type":"Arrearage","code":"Arrearage"}}'
    assert type(failure(400, {}, body)) is UpstreamQuota
    assert type(failure(400, {}, body.replace(b"Arrearage", b"InvalidParameter"))) is UpstreamRefused


def test_an_empty_account_is_no_rate_limit() -> None:
    body = b'{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}'
    assert type(failure(429, {}, body)) is UpstreamQuota


def test_a_request_that_is_too_much_for_a_minute_is_limited_and_not_refused() -> None:
    body = b'{"error":{"message":"Request too large for model on tokens per minute","code":"rate_limit_exceeded"}}'
    assert type(failure(413, {}, body)) is UpstreamRateLimited
    assert type(failure(413, {}, b'{"error":{"message":"Request too large"}}')) is UpstreamRefused


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":"Client specified an invalid argument","error":"Incorrect API key provided: gs***Q6."}',
        b'{"code":"Client specified an invalid argument","error":"Incorrect%20API%20key%20provided:%20gs***Q6."}',
        b'[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID"}}]',
        b'{"error":{"code":400,"message":"API key expired. Please renew the API key."}}',
    ],
    ids=["xAI", "xAI, encoded", "Gemini", "Gemini, expired"],
)
def test_a_key_that_is_refused_with_another_status_is_put_away(body: bytes) -> None:
    error = failure(400, {}, body)
    assert type(error) is UpstreamCredentials
    assert "gs***" not in error.message


def test_callers_cannot_have_keys_put_away_by_their_words() -> None:
    body = b'{"error":{"message":"Invalid role: \'Incorrect API key provided: API key not valid\'."}}'
    assert type(failure(400, {}, body)) is UpstreamRefused


@pytest.mark.parametrize(
    "error",
    [
        {"code": 403, "message": '"openai/gpt-x" requires moderation on OpenAI. Your input was flagged for "x".'},
        {"code": "content_policy_violation", "message": "Blocked"},
        "Content violates usage guidelines. Team: 1, API key ID: 2, Failed check: 3",
    ],
    ids=["OpenRouter", "OpenRouter, by its code", "xAI"],
)
def test_a_request_that_is_refused_for_what_it_says_puts_no_key_away(error: object) -> None:
    found = failure(403, {}, json.dumps({"error": error}).encode())
    assert (type(found), found.http_status, found.error_code) == (UpstreamRefused, 403, "content_policy_violation")
    assert "API key ID" not in found.message


@pytest.mark.parametrize("text", ['Failed to load model "gpt-oss-20b". Error: Error loading model.', "Model unloaded."])
def test_an_engine_that_failed_is_no_fault_of_the_request(text: str) -> None:
    assert type(failure(400, {}, json.dumps({"error": text}).encode())) is UpstreamServerError


@pytest.mark.parametrize("as_text", [True, False])
def test_what_the_provider_behind_a_provider_said_is_told(as_text: bool) -> None:
    behind: Any = {"error": {"message": "At most 1 image may be provided.", "code": "too_many", "param": "messages"}}
    metadata = {"raw": json.dumps(behind) if as_text else behind, "provider_name": "Crucible"}
    error = {"message": "Provider returned error", "code": 400, "metadata": metadata}
    found = failure(400, {}, json.dumps({"error": error}).encode())
    assert (found.message, found.error_code, found.param) == (
        "At most 1 image may be provided.",
        "too_many",
        "messages",
    )
    assert found.upstream == "Provider returned error: At most 1 image may be provided."


def test_a_prompt_too_long_for_the_provider_behind_a_provider_is_known() -> None:
    metadata = {"raw": "This model's maximum context length is 8192 tokens."}
    body = json.dumps({"error": {"message": "Provider returned error", "code": 400, "metadata": metadata}}).encode()
    assert failure(400, {}, body).error_code == failure_inside(body).error_code == "context_length_exceeded"


@pytest.mark.parametrize("raw", [None, 5, [], {}, "", "<html><title>x</title>", '{"metadata":{"raw":"deeper"}}'])
def test_a_body_of_a_provider_behind_that_says_nothing_hides_nothing(raw: object) -> None:
    error = {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}
    assert failure(400, {}, json.dumps({"error": error}).encode()).message == "Provider returned error"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"detail":"Not Found"}'),
        (405, b'{"detail":"Method Not Allowed"}'),
        (501, b'{"error":{"code":501,"message":"This server does not support embeddings.","type":"x"}}'),
        (400, b'{"object":"error","message":"The model does not support Transcriptions API","code":400}'),
        (400, b'{"error":{"message":"The model does not support Chat Completions API","code":400}}'),
    ],
    ids=["FastAPI", "another method", "llama.cpp", "vLLM", "newer vLLM"],
)
def test_a_missing_endpoint_is_the_providers_fault(status: int, body: bytes) -> None:
    assert type(failure(status, {}, body)) is UpstreamEndpointMissing


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (498, {"message": "Flex tier is full", "code": "capacity_exceeded"}, UpstreamUnavailable),
        (498, {"message": "invalid token in the prompt"}, UpstreamRefused),
        (424, "Request failed during generation: Server error: out of memory", UpstreamServerError),
        (424, {"message": "Error retrieving the tools of the MCP server"}, UpstreamRefused),
    ],
    ids=["Groq", "Cohere", "TGI", "Groq's tools"],
)
def test_statuses_of_few_mean_what_these_few_mean(status: int, error: object, kind: type[GatewayError]) -> None:
    assert type(failure(status, {}, json.dumps({"error": error}).encode())) is kind


@pytest.mark.parametrize(
    "secret",
    [
        "cpk_0123456789abcdef0123456789abcdef.aaaa.bbbb",
        "sk-proj-abc_DEF-123456",
        "gsk_abcdefgh12345",
        "hf_abcdefghij",
        "Bearer abcdefgh.ijk",
        "bearer ABCDEFGHI",
        "AIzaSyA1234567890abcdefghijk",
        "our-own-secret",
    ],
)
def test_secrets_are_removed(secret: str) -> None:
    body = b'{"error":{"message":"bad key %b, sorry"}}' % secret.encode()
    error = failure(400, {}, body, ("our-own-secret",))
    assert isinstance(error, UpstreamRefused)
    for text in (error.message, str(error.upstream)):
        assert secret.removeprefix("Bearer ").removeprefix("bearer ") not in text
        assert "sorry" in text


def test_redacted_text_is_one_short_line() -> None:
    assert redact("a\r\nb\x00c\x1b[31m  d") == "a b c [31m d"
    assert len(redact("x" * 100_000)) == MAX_TEXT
    assert redact("see http://127.0.0.1:8123/v1/x and localhost:99") == "see [engine] and [engine]"
    assert redact("a word", ("a",)) == "a word"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":{}}',
        b'{"choices":[{}]}',
        b'{"choices":[{"message":{"content":"\xff"}}]}',
        b'{"choices":[{"message":{}}]',
        b'{"choices":[{"message":{}}]} trailing',
        b'{"error":{"message":"x"},"choices":[{"message":{}}]}',
        b'{"detail":"x"}',
        b'{"choices":' + b"[" * 5000,
        b'{"object":"error","message":"No workers","type":"x","code":"internal"}',
        b'{"choices":[{"message":{"content":' + b"[" * 5000,
    ],
)
def test_what_is_no_chat_reply(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        check_reply(CHAT, body)


def test_a_status_inside_a_success_counts() -> None:
    with pytest.raises(UpstreamModelMissing):  # a vLLM of RunPod
        check_reply(CHAT, b'{"code":404,"message":"The model `x` does not exist.","object":"error","type":"NotFound"}')
    assert failure_inside(b'{"error":{"code":429,"message":"slow down"}}').http_status == 429
    assert failure_inside(b'{"error":{"code":"503","message":"x"}}').http_status == 503


@pytest.mark.parametrize(
    ("usage", "output"),
    [
        ({"total_tokens": 14428, "completion_tokens_details": {"reasoning_tokens": 2809}}, 1499 + 2809),
        ({"total_tokens": 14428}, 1499 + 2809),
        ({"total_tokens": 11619, "completion_tokens_details": {"reasoning_tokens": 1200}}, 1499),
        ({"total_tokens": 11619}, 1499),
        ({"total_tokens": 0}, 1499),
        ({"total_tokens": None, "completion_tokens_details": []}, 1499),
        ({"total_tokens": 11719, "prompt_tokens_details": {"cached_tokens": 100}}, 1499),
        ({"total_tokens": 20000, "completion_tokens_details": {"reasoning_tokens": 7}}, 1499),
    ],
    ids=["xAI", "Gemini", "OpenAI", "others", "no total", "odd", "cached ones left out of the prompt", "unclear"],
)
def test_thoughts_that_only_the_total_counts_are_output(usage: dict[str, Any], output: int) -> None:
    document = {"prompt_tokens": 10120, "completion_tokens": 1499, **usage}
    found = read_usage(json.dumps(document).encode())
    assert found is not None
    assert (found.input_tokens, found.output_tokens) == (10120, output)


def test_usage() -> None:
    assert read_usage(b'{"prompt_tokens":1,"completion_tokens":2,"x":3}') == Usage(1, 2)
    assert read_usage(b'{"prompt_tokens":"1"}') is None
    assert read_usage(b"null") is None
    assert read_usage(b'{"prompt_tokens":3.0,"completion_tokens":20.00}') == Usage(3, 20)
    assert read_usage(b'{"prompt_tokens":3.5}') is None
    assert read_usage(b'{"prompt_tokens":-3}') is None, "a provider would give tokens back to its callers"
    assert read_usage(b'{"prompt_tokens":3,"completion_tokens":1000000001}') is None, "nobody writes as much"
    assert read_usage(b'{"input_tokens":3,"output_tokens":4,"total_tokens":7}') == Usage(3, 4), "as pictures have it"
    assert read_usage(b'{"total_tokens":7}') == Usage(7), "as Voyage, Jina and vLLM tell of vectors and ranks"
    assert read_usage(b'{"prompt_tokens":3,"total_tokens":7}') == Usage(3)
    assert read_usage(b'{"prompt_tokens":3,"completion_tokens":2,"cached_tokens":1}') == Usage(3, 2, 1), "Moonshot"
    assert read_usage(b'{"prompt_tokens":3,"completion_tokens":2,"prompt_cache_hit_tokens":1}') == Usage(3, 2, 1)
    assert read_usage(b'{"input_tokens":3,"input_tokens_details":{"cached_tokens":2}}') == Usage(3, None, 2)
    assert read_usage(b'{"type":"duration","seconds":9}') == Usage()
    tail = b'{"data":[' + b"1," * 5000 + b'],"usage": {"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":2}}}'
    assert usage_in_tail(tail) == Usage(5, None, 2)
    assert usage_in_tail(b"x" * 100) is None
    assert usage_in_tail(b'"usage"' + b"{" * 5000) is None


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 70_000,
        b'{"data":' + b"x" * 70_000,
        b"{" + b"x" * 70_000 + b"}",
        b'{"data":[{"embedding":[' + b"1," * 70_000,
        b'{"data":[{"embedding":"' + b"A" * 70_000,
        b'{"data":[{"embedding":[' + b"1," * 70_000 + b'1]}],"error":{"message":"x"}}',
        b'{"data":[{"embedding":[' + b"1," * 70_000 + b"1]}",
        b'{"data":[' + b'{"embedding":' * 7_000,
        b'{"data":[{"embedding":' + b"[" * 70_000,
    ],
)
def test_large_answers_without_vectors_are_none(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        check_vectors(body, 1)


def test_outsiders_register_like_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("own", f"{__name__}:_factory", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry])
    adapters = build_adapters(PooledTransport())
    assert set(adapters) == {"own", "openai", "chutes", "local"}
    broken = EntryPoint("broken", "no.such.module:x", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [broken])
    with pytest.raises(ConfigError, match="'broken' cannot be loaded"):
        build_adapters(PooledTransport())


def _factory(context: registry.AdapterContext) -> object:
    return context.transport
