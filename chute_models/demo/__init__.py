"""Two tiny models that come with the gateway, so that tests and a first run need no download.

Plain folders in the usual Hugging Face layout: vLLM and transformers load them by path. Importing this module costs
nothing; how the weights were made is in `chute_models.demo.training` and docs/demo-models.md.
"""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"

CHAT_NAME = "demo-chat"
CHAT_DIR = WEIGHTS / "chat"

WHISPER_NAME = "demo-whisper"
WHISPER_DIR = WEIGHTS / "whisper"

__all__ = ["CHAT_DIR", "CHAT_NAME", "WEIGHTS", "WHISPER_DIR", "WHISPER_NAME"]
