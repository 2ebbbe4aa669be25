"""A stand-in for a real model, so that every example runs anywhere. Replace it with yours."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence

from PIL import Image


class ToyModel:
    loaded = False

    async def load(self) -> None:
        await asyncio.sleep(0)
        self.loaded = True

    async def generate(self, prompt: str, max_tokens: int = 100, temperature: float = 0.7) -> str:
        if not self.loaded:
            raise RuntimeError("the model is not loaded")
        return " ".join(f"You said: {prompt}".split()[:max_tokens])

    async def stream_generate(self, prompt: str) -> AsyncIterator[str]:
        for word in (await self.generate(prompt)).split():
            yield word

    async def generate_batch(self, prompts: Sequence[str]) -> list[str | Exception]:
        """One result or exception for each prompt, as `Batcher` wants it."""
        return [ValueError("the prompt is empty") if not prompt else await self.generate(prompt) for prompt in prompts]

    async def generate_image(self, prompt: str) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), (len(prompt) % 256, 64, 128)).save(buffer, "PNG")
        return buffer.getvalue()

    async def embed(self, text: str) -> list[float]:
        return [float(len(text)), float(len(text.split()))]
