"""A key and a limit of calls for one endpoint (A003-18). The gateway's own keys and limits need none of this.

Corrected: no header of the caller reaches a chute on the platform, so the key may also come as a field; keys are
compared in constant time and come from the environment; old entries of the limit are really dropped.
"""

import hmac
import os
import time
from collections import deque

from fastapi import HTTPException, Request
from toy_model import ToyModel

from gateway.chute.chute import GatewayChute

MAX_PROMPT, WINDOW = 5000, 60.0

chute = GatewayChute(username="mycompany", name="security", image="mycompany/security:1")


@chute.on_startup()
async def setup_security(self):
    self.model = ToyModel()
    await self.model.load()
    self.valid_api_keys = os.environ.get("EXAMPLE_API_KEYS", "your-secret-api-key").split(",")
    self.calls = {}
    self.limit = 100


def validate_api_key(self, request: Request, api_key: str) -> str:
    given = request.headers.get("X-API-Key") or api_key
    if not any(hmac.compare_digest(given.encode(), key.encode()) for key in self.valid_api_keys):
        raise HTTPException(status_code=401, detail="Invalid or missing API key")
    return given


def check_rate_limit(self, caller: str) -> None:
    now = time.monotonic()
    for one, times in list(self.calls.items()):
        while times and times[0] <= now - WINDOW:
            times.popleft()
        if not times:
            del self.calls[one]
    recent = self.calls.setdefault(caller, deque())
    if len(recent) >= self.limit:
        raise HTTPException(status_code=429, detail="Rate limit exceeded")
    recent.append(now)


@chute.cord(public_api_path="/secure_generate")
async def secure_generate(self, prompt: str, request: Request, api_key: str = ""):
    key = validate_api_key(self, request, api_key)
    check_rate_limit(self, request.client.host if request.client else key)
    prompt = prompt.strip()
    if len(prompt) > MAX_PROMPT:
        raise HTTPException(400, "Prompt too long")
    return {"generated_text": await self.model.generate(prompt)}


if __name__ == "__main__":
    chute.run_local(host="127.0.0.1", port=8080)
