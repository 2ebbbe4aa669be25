"""A small server for one chat, embedding or Whisper model on the transformers library, where vLLM is not."""
