"""The response cache under a rule: what somebody else said is no answer."""

from pathlib import Path

from tests.api.running import RunningGateway
from tests.confidentiality.conftest import chat
from tests.fakes.upstream import Upstream


def test_an_answer_from_outside_is_not_given_again_under_a_rule(
    tmp_path: Path, upstream: Upstream, other_upstream: Upstream
) -> None:
    upstream.text, other_upstream.text = "from inside", "from outside"
    outside, inside = {"provider": "out", "model": "gpt-x"}, {"provider": "in", "model": "gpt-x", "priority": 1}
    running = RunningGateway(
        tmp_path,
        cache={"enabled": True},
        providers={"in": {"base_url": upstream.url, "tee": True}, "out": {"base_url": other_upstream.url}},
        models={"both": {"targets": [outside, inside]}},
    )
    try:
        with running.http() as http:
            http.headers["x-gateway-cache"] = "on"
            assert "from outside" in chat(http, "both").text
            for _ in range(2):
                reply = chat(http, "both", {"x-gateway-tee": "required"})
                assert "from inside" in reply.text and reply.headers["x-gateway-confidentiality"] == "tee"
            assert "from outside" in chat(http, "both").text
    finally:
        running.stop()
    assert [len(server.requests) for server in (upstream, other_upstream)] == [1, 1], "each was asked once"
