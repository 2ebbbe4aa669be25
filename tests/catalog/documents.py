"""Documents of Chutes in the shapes that the contract records, written by hand. Every variant is there once."""

from typing import Any

NOW = 1_790_000_000_000
"""Milliseconds since 1970."""


def chute(name: str, chute_id: str = "", **more: Any) -> dict[str, Any]:
    return {
        "chute_id": chute_id or f"id-{name}",
        "name": name,
        "slug": f"chutes-{name.lower().replace('/', '-').replace('.', '-')}",
        "tagline": f"{name} for everybody",
        "standard_template": "vllm",
        "public": True,
        "tee": False,
        "user": {"username": "chutes", "user_id": "u-1"},
        "image": {"name": "sglang", "tag": "0.5"},
        "supported_gpus": ["h100", "h200"],
        "node_selector": {"gpu_count": 8, "min_vram_gb_per_gpu": 80},
        "instances": [{"instance_id": "i-1", "active": True, "verified": True}, {"active": False, "verified": True}],
        "hot": True,
        "invocation_count": 1200,
        "concurrency": 32,
        "max_instances": 4,
        "current_estimated_price": tokens(0.3, 1.2),
        **more,
    }


def tokens(taken: float, given: float) -> dict[str, Any]:
    """Per 1M tokens, with TAO at 400 USD."""
    return {
        "per_million_tokens": {
            "input": {"usd": taken, "tao": taken / 400},
            "output": {"usd": given, "tao": given / 400},
        },
        "usd": {"hour": 99.0},
    }


def listed(id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "object": "model",
        "created": 1_761_246_584,
        "owned_by": "sglang",
        "root": id,
        "parent": None,
        "quantization": "fp8",
        "max_model_len": 163_840,
        "context_length": 131_072,
        "max_output_length": 65_536,
        "input_modalities": ["text"],
        "output_modalities": ["text"],
        "supported_features": ["json_mode", "tools", "reasoning"],
        "supported_sampling_parameters": ["temperature", "top_p"],
        "confidential_compute": False,
        "price": {"input": {"usd": 0.3, "tao": 0.00075}, "output": {"usd": 1.2, "tao": 0.003}},
        "pricing": {"prompt": 0.3, "completion": 1.2, "input_cache_read": 0.15},
        "permission": [{"id": "modelperm-1", "object": "model_permission", "allow_view": True}],
        **more,
    }


CHUTES: list[dict[str, Any]] = [
    chute("deepseek-ai/DeepSeek-R1", "c-r1", invocation_count=900_000),
    chute("Qwen/Qwen3-32B", "c-32b", tee=True, current_estimated_price=tokens(0.08, 0.24), invocation_count=50_000),
    chute("whisper-large-v3", "c-whisper", standard_template=None, current_estimated_price={"usd": {"hour": 0.5}},
          cord_ref_id="ref-1", image=None),
    chute("FLUX.1-schnell", "c-flux", standard_template="diffusion", current_estimated_price={"per_step": 0.001}),
    chute("kokoro", "c-kokoro", standard_template=None, current_estimated_price={"per_request": {"usd": 0.0002}}),
    chute("wan2.1-14b", "c-wan", standard_template=None, hot=False, instances=[],
          current_estimated_price={"hourly_price_range": {"usd": {"min": 1.8, "max": 3.6}}}),
    chute("Qwen/Qwen3-Embedding-8B", "c-embed", standard_template="embedding",
          current_estimated_price={"hourly_price_range": [0.5, 0.5]}),
    chute("rednote-hilab/dots.ocr", "c-ocr", current_estimated_price={"rules": [{"per": "page"}]}),
    chute("openai/gpt-external", "c-ext", current_estimated_price=None, instances=None, user=None, public=None),
    chute("acme/private-tune", "c-private", public=False, user={"username": "acme"}),
]  # fmt: skip
CORD_REFS = {"ref-1": [{"public_api_path": "/transcribe", "public_api_method": "POST"}]}

LISTED: list[dict[str, Any]] = [
    listed("deepseek-ai/DeepSeek-R1", chute_id="c-r1"),
    listed("Qwen/Qwen3-32B", price={"input": {"usd": 0.1}, "output": {"usd": 0.24}}, pricing=None, quantization="bf16"),
    listed("rednote-hilab/dots_ocr", input_modalities=["text", "image"], price=None, pricing=None),
    {"id": "moonshotai/Kimi-K2-Instruct-0905", "object": "model"},
]

UTILIZATION: list[dict[str, Any]] = [
    {"chute_id": "c-r1", "name": "deepseek-ai/DeepSeek-R1", "utilization_current": 0.71, "utilization_1h": 0.5,
     "rate_limit_ratio_5m": 0.02, "instance_count": 12, "active_instance_count": 11, "scalable": True},
    {"chute_id": "c-of-nobody", "name": "[private chute]", "utilization_current": 1.0},
]  # fmt: skip

STATISTICS: list[dict[str, Any]] = [
    {"chute_id": "c-r1", "name": "deepseek-ai/DeepSeek-R1", "date": "2026-11-19", "total_requests": 100,
     "average_tps": 10.0, "average_ttft": 2.0},
    {"chute_id": "c-r1", "name": "deepseek-ai/DeepSeek-R1", "date": "2026-11-20", "total_requests": 300,
     "average_tps": 30.0, "average_ttft": 1.0},
    {"chute_id": "c-32b", "name": "Qwen/Qwen3-32B", "date": "2026-11-20", "total_requests": 0,
     "average_tps": None, "average_ttft": None},
]  # fmt: skip

PRICING: dict[str, Any] = {
    "tao_usd": 400.0,
    "gpu_price_estimates": {"h100": {"usd": {"hour": 1.8, "second": 0.0005}}, "odd": {"usd": None}},
}
