"""Model and cache behind protocols, so that tests put others in their place (A003-15)."""

from typing import Protocol

from toy_model import ToyModel

from gateway.chute.chute import GatewayChute


class ModelInterface(Protocol):
    async def generate(self, prompt: str) -> str: ...


class CacheInterface(Protocol):
    async def get(self, key: str) -> str | None: ...

    async def set(self, key: str, value: str) -> None: ...


class MemoryCache:
    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self._values.get(key)

    async def set(self, key: str, value: str) -> None:
        self._values[key] = value


def build(model: ModelInterface | None = None, cache: CacheInterface | None = None) -> GatewayChute:
    chute = GatewayChute(username="mycompany", name="dependencies", image="mycompany/dependencies:1")

    @chute.on_startup()
    async def setup_dependencies(self):
        self.cache = cache or MemoryCache()
        self.model = model
        if self.model is None:
            self.model = ToyModel()
            await self.model.load()

    @chute.cord(public_api_path="/generate")
    async def generate_with_deps(self, prompt: str):
        cached = await self.cache.get(prompt)
        if cached is not None:
            return cached
        result = await self.model.generate(prompt)
        await self.cache.set(prompt, result)
        return result

    return chute


chute = build()

if __name__ == "__main__":
    chute.run_local(host="127.0.0.1", port=8080)
