"""State kept between calls, a small cache, and figures about both (A003-14).

Corrected: `hash(prompt)` as a key lets two prompts share an answer, and the cache had no bound; a miss is counted
before the model is asked, so that a failing model counts too.
"""

from collections import OrderedDict

from toy_model import ToyModel

from gateway.chute.chute import GatewayChute

CACHED = 1000

chute = GatewayChute(username="mycompany", name="statistics", image="mycompany/statistics:1")


@chute.on_startup()
async def initialize_state(self):
    self.model = ToyModel()
    await self.model.load()
    self.cache = OrderedDict()
    self.cache_hits = self.cache_misses = 0
    self.request_count = self.error_count = 0


@chute.cord(public_api_path="/generate")
async def generate_with_tracking(self, prompt: str):
    self.request_count += 1
    if prompt in self.cache:
        self.cache_hits += 1
        self.cache.move_to_end(prompt)
        return self.cache[prompt]
    self.cache_misses += 1
    try:
        result = await self.model.generate(prompt)
    except Exception:
        self.error_count += 1
        raise
    self.cache[prompt] = result
    if len(self.cache) > CACHED:
        self.cache.popitem(last=False)
    return result


@chute.cord(public_api_path="/stats", method="GET")
async def get_stats(self):
    looked_up = self.cache_hits + self.cache_misses
    return {
        "requests": self.request_count,
        "errors": self.error_count,
        "cache_hits": self.cache_hits,
        "cache_misses": self.cache_misses,
        "cache_hit_rate": self.cache_hits / looked_up if looked_up else 0,
    }


if __name__ == "__main__":
    chute.run_local(host="127.0.0.1", port=8080)
