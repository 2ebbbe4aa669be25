"""Our transformers server with all-MiniLM-L6-v2."""

import base64
import json
import struct
import subprocess

import pytest

from chute_models.machine import Machine
from tests.engines.conftest import Door

pytestmark = pytest.mark.engines
PATH = "/v1/embeddings"
REFERENCE = """
import json, sys, torch
from transformers import AutoModel, AutoTokenizer
torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModel.from_pretrained(sys.argv[1], dtype=torch.float32)
with torch.no_grad():
    tokens = tokenizer(json.loads(sys.argv[2]), padding=True, return_tensors="pt")
    hidden, mask = model(**tokens).last_hidden_state, tokens["attention_mask"][..., None]
    mean = (hidden * mask).sum(1) / mask.sum(1)
print(json.dumps(torch.nn.functional.normalize(mean, dim=-1).tolist()))
"""


async def vectors(embedding: Door, value: object, **changes: object) -> list[list[float]]:
    reply = await embedding.post(PATH, {"input": value, **changes})
    assert reply.status_code == 200, reply.text
    return [item["embedding"] for item in reply.json()["data"]]


def dot(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


async def test_known_similarities(embedding: Door) -> None:
    cat, kitten, stocks = await vectors(embedding, ["a cat sits", "a kitten is sitting", "stock prices fell sharply"])
    assert dot(cat, cat) == pytest.approx(1, abs=1e-5)
    assert dot(cat, kitten) > 0.7 > 0.2 > dot(cat, stocks)


async def test_vectors_equal_the_reference(embedding: Door, machine: Machine) -> None:
    texts = ["a cat sits", "Ein längerer Satz, mit Zeichen: 日本語!", "word " * 100]
    command = [machine.engine_python, "-c", REFERENCE, str(machine.minilm_dir), json.dumps(texts)]
    expected = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found = await vectors(embedding, texts)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=2e-6)


async def test_batches_keep_their_order(embedding: Door) -> None:
    texts = [f"number {at} " * (at % 7 + 1) for at in range(40)]
    together = await vectors(embedding, texts)
    for at in (0, 13, 39):
        assert together[at] == pytest.approx((await vectors(embedding, texts[at]))[0], abs=1e-5)


async def test_forms_of_input_and_output(embedding: Door) -> None:
    text = (await vectors(embedding, "hello"))[0]
    tokens = (await vectors(embedding, [101, 7592, 102]))[0]
    lists = (await vectors(embedding, [[101, 7592, 102], "hello"]))[1]
    packed = (await embedding.post(PATH, {"input": "hello", "encoding_format": "base64"})).json()["data"][0][
        "embedding"
    ]
    assert tokens == pytest.approx(text, abs=1e-6)
    assert lists == pytest.approx(text, abs=1e-5)
    assert list(struct.unpack("<384f", base64.b64decode(packed))) == pytest.approx(text, abs=1e-6)


async def test_usage_counts_tokens(embedding: Door) -> None:
    reply = (await embedding.post(PATH, {"input": ["hello", "hello"]})).json()
    assert reply["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
    assert reply["model"] == "all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"input": ""}, "input", "invalid_value"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": ["a", ""]}, "input[1]", "invalid_value"),
        ({"input": 7}, "input", "invalid_value"),
        ({"input": [10**9]}, "input", "invalid_value"),
        ({"input": ["a"] * 3000}, "input", "invalid_value"),
        ({"input": "word " * 600}, "input", "context_length_exceeded"),
        ({"input": "x" * 1_000_000}, "input", "context_length_exceeded"),
        ({"input": "a", "dimensions": 5}, "dimensions", "unsupported_parameter"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format", "invalid_value"),
    ],
)
async def test_refusals_name_the_field(embedding: Door, body: dict[str, object], param: str, code: str) -> None:
    reply = await embedding.post(PATH, body)
    assert reply.status_code == 400
    assert (reply.json()["error"]["param"], reply.json()["error"]["code"]) == (param, code)
