"""`GET /v1/models` of Chutes' LLM host: what its chat models can do and cost. Public, no key needed."""

from collections.abc import Mapping
from typing import Any

from gateway.catalog.client import JsonClient
from gateway.catalog.facts import CHUTES, Facts, ModelFacts, Rejected
from gateway.catalog.fields import LLM
from gateway.catalog.prices import listed
from gateway.catalog.readers import mapping, name, positive, rows, said, text, words, yes_no
from gateway.errors import UpstreamBadResponse
from gateway.providers.exchange import join_url


class LlmModels:
    name = LLM
    gateway = CHUTES
    file = "v1_models_all"
    """As document 004 calls it."""
    timeout = 30.0

    def __init__(self, base_url: str, key: str = "", ttl: float = 600.0) -> None:
        self._url = join_url(base_url, "/v1/models")
        self._key = key
        self.ttl = ttl

    async def fetch(self, client: JsonClient) -> Any:
        document = await client.get(self._url, key=self._key, timeout=self.timeout)
        if not isinstance(document, dict) or not isinstance(document.get("data"), list):
            raise UpstreamBadResponse("The list of models has no 'data'.")
        return document

    def read(self, document: Any, at: int) -> Facts:
        models, rejected = [], []
        for item in rows(mapping(document).get("data")):
            row = mapping(item)
            if id := name(row.get("id")):
                chute_id = text(row.get("chute_id"), 64)
                prices = listed(row.get("price"), row.get("pricing"), at)
                models.append(ModelFacts(chute_id or id, id, chute_id, abilities(row) | prices | {"lists_chat": True}))
            else:
                rejected.append(Rejected(self.name, text(row.get("root"), 80) or "(unnamed)", "has no id"))
        return Facts(self.name, models=tuple(models), rejected=tuple(rejected), at=at)


def abilities(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row of `/v1/models` may say of a model; many rows say little."""
    architecture, top = mapping(row.get("architecture")), mapping(row.get("top_provider"))
    quantization = text(row.get("quantization"), 32).lower()
    return said(
        (
            ("created", positive(row.get("created"))),
            ("owned_by", text(row.get("owned_by"), 64)),
            ("root", text(row.get("root"), 256)),
            ("parent", text(row.get("parent"), 256)),
            ("hugging_face_id", text(row.get("hugging_face_id"), 256)),
            ("description", text(row.get("description"))),
            ("tee", yes_no(row.get("confidential_compute"))),
            ("quantization", "" if quantization == "none" else quantization),
            ("context_length", positive(row.get("context_length")) or positive(row.get("max_model_len"))),
            ("max_model_len", positive(row.get("max_model_len"))),
            ("max_output_length", positive(row.get("max_output_length")) or positive(top.get("max_completion_tokens"))),
            ("input_modalities", words(row.get("input_modalities")) or words(architecture.get("input_modalities"))),
            ("output_modalities", words(row.get("output_modalities")) or words(architecture.get("output_modalities"))),
            ("features", words(row.get("supported_features"))),
            (
                "sampling_parameters",
                words(row.get("supported_sampling_parameters")) or words(row.get("supported_parameters")),
            ),
            ("default_parameters", _plain(row.get("default_parameters"))),
            ("tokenizer", text(architecture.get("tokenizer"), 64)),
            ("instruct_type", text(architecture.get("instruct_type"), 64)),
        )
    )


def _plain(value: object) -> dict[str, Any]:
    """Parameters with numbers and words; nothing nested."""
    found = list(mapping(value).items())[:32]
    return {text(key, 64): one for key, one in found if isinstance(one, bool | int | float)}
