"""The official OpenAI client for Node against a gateway: both modes of chat, embeddings, transcription, errors.

Rows of docs/acceptance.md: A000-08.
"""

from pathlib import Path

import pytest

from tests.api.running import MASTER, RunningGateway
from tests.api.test_files import SPOKEN, WAV
from tests.fakes.upstream import Upstream
from tests.node.client import run_client

pytestmark = pytest.mark.node


@pytest.mark.parametrize("as_json", [False, True])
def test_the_node_client_does_it_all(
    gateway: RunningGateway, upstream: Upstream, tmp_path: Path, as_json: bool
) -> None:
    (tmp_path / "speech.wav").write_bytes(WAV)
    result = run_client(
        f"{gateway.url}/v1",
        MASTER,
        chat="gpt-x",
        embedding="text-embed",
        transcription="whisper-1",
        wav=str(tmp_path / "speech.wav"),
        json=as_json,
        question="hello",
    )
    assert result["chat"]["whole"] == result["chat"]["streamed"] == "Hello from the upstream."
    assert result["chat"]["usage"]["total_tokens"] > 0
    assert len(result["embedding"]) == 2 and all(isinstance(x, float) for x in result["embedding"][0])
    assert result["transcription"] == SPOKEN
    assert result["refusal"] == {
        "name": "NotFoundError",
        "status": 404,
        "code": "model_not_found",
        "param": "model",
    }
    assert "gpt-x" in result["models"]
