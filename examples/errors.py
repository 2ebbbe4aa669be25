"""Errors that callers understand: limits on the prompt, HTTPException, and one handler for everything else (A003-16).

On the platform only 400 and 429 reach the caller: a 500 leaves as 429, with the true status inside.
"""

import os

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from toy_model import ToyModel

from gateway.chute.chute import GatewayChute

MAX_PROMPT = int(os.environ.get("MAX_PROMPT", "10000"))

chute = GatewayChute(username="mycompany", name="errors", image="mycompany/errors:1")


@chute.on_startup()
async def setup_error_handling(self):
    self.model = ToyModel()
    await self.model.load()

    @self.app.exception_handler(Exception)
    async def global_exception_handler(request, exc):
        self.logger.error(f"Unhandled exception: {exc}")
        request_id = getattr(request.state, "request_id", None)
        return JSONResponse(status_code=500, content={"error": "Internal server error", "request_id": request_id})


@chute.cord(public_api_path="/generate")
async def generate_with_error_handling(self, prompt: str):
    if not prompt.strip():
        raise HTTPException(status_code=400, detail="Prompt cannot be empty")
    if len(prompt) > MAX_PROMPT:
        raise HTTPException(status_code=400, detail=f"Prompt too long (max {MAX_PROMPT:,} characters)")
    result = await self.model.generate(prompt)
    if not result:
        raise HTTPException(status_code=500, detail="Model failed to generate output")
    return {"generated_text": result}


@chute.cord(public_api_path="/broken")
async def broken(self):
    raise RuntimeError("a mistake in the code")


if __name__ == "__main__":
    chute.run_local(host="127.0.0.1", port=8080)
