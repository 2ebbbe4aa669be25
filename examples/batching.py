"""Single calls gathered into batches, a pooled client, and a cache of an expensive function (A003-17).

Corrected: one bad prompt no longer fails the whole batch, and the task that gathers runs on the loop that serves. The
SDK's own cords run each call in a loop of its own, where a future of another loop is never answered.
"""

from functools import lru_cache

import httpx
from toy_model import ToyModel

from gateway.chute.batching import Batcher
from gateway.chute.chute import GatewayChute

chute = GatewayChute(username="mycompany", name="batching", image="mycompany/batching:1", concurrency=64)


@chute.on_startup()
async def optimize_performance(self):
    self.model = ToyModel()
    await self.model.load()
    self.session = httpx.AsyncClient()
    self.batches = []
    self.batcher = Batcher(lambda prompts: generate_batch(self, prompts), size=8, window=0.1)
    await self.batcher.start()


@chute.on_shutdown()
async def close(self):
    await self.batcher.stop()
    await self.session.aclose()


async def generate_batch(self, prompts):
    self.batches.append(len(prompts))
    return await self.model.generate_batch(prompts)


@lru_cache(maxsize=1000)
def expensive_computation(text: str) -> int:
    """A function of its argument alone: on a method the cache would keep the object alive."""
    return sum(ord(letter) ** 2 for letter in text)


@chute.cord(public_api_path="/generate_batched")
async def generate_batched(self, prompt: str):
    result = await self.batcher.submit(prompt)
    return {"generated_text": result, "checksum": expensive_computation(prompt)}


if __name__ == "__main__":
    chute.run_local(host="127.0.0.1", port=8080)
