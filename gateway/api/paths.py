"""The paths that answer inference, and what is asked of targets behind each."""

from gateway.dialects import DIALECTS
from gateway.openai_api.operations import CHAT, OPERATIONS, TRANSCRIPTIONS, Operation

TRANSCRIBE = "/transcribe"
"""The path and shape of Chutes' own whisper chutes, so that their clients work here unchanged."""

INFERENCE: dict[str, Operation] = {**OPERATIONS, **dict.fromkeys(DIALECTS, CHAT), TRANSCRIBE: TRANSCRIPTIONS}
