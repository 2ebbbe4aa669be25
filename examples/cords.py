"""Functions as endpoints: fields by name, schemas, an image, and two ways to stream (A003-05, A003-07, A003-08).

The documented form keeps `stream=True`; here a function streams when it gives a generator or a StreamingResponse.
"""

import json

from fastapi import Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from toy_model import ToyModel

from gateway.chute.chute import GatewayChute

chute = GatewayChute(
    username="mycompany",
    name="text-generator",
    image="mycompany/text-generator:1",
    tagline="Generates text",
    concurrency=8,
    title="My AI API",
    description="Custom AI service",
    version="1.0.0",
)


class GenerationInput(BaseModel):
    prompt: str = Field(..., description="Input prompt")
    max_tokens: int = Field(100, ge=1, le=1000)
    temperature: float = Field(0.7, ge=0.0, le=2.0)


class GenerationOutput(BaseModel):
    generated_text: str = Field(..., description="Generated text")
    tokens_used: int = Field(..., description="Number of tokens used")


@chute.on_startup()
async def load_model(self):
    self.model = ToyModel()
    await self.model.load()


@chute.cord(public_api_path="/generate", method="POST")
async def generate_text(self, prompt: str) -> str:
    return await self.model.generate(prompt)


@chute.cord(public_api_path="/generate_checked", input_schema=GenerationInput, output_schema=GenerationOutput)
async def generate_checked(self, params: GenerationInput) -> GenerationOutput:
    result = await self.model.generate(params.prompt, max_tokens=params.max_tokens, temperature=params.temperature)
    return GenerationOutput(generated_text=result, tokens_used=len(result.split()))


@chute.cord(public_api_path="/generate_image", method="POST", output_content_type="image/png")
async def generate_image(self, prompt: str) -> Response:
    headers = {"Content-Disposition": "inline; filename=generated.png"}
    return Response(content=await self.model.generate_image(prompt), media_type="image/png", headers=headers)


@chute.cord(public_api_path="/stream_generate", method="POST")
async def stream_generate(self, prompt: str):
    async def generate_tokens():
        async for token in self.model.stream_generate(prompt):
            yield f"data: {json.dumps({'token': token})}\n\n"

    return StreamingResponse(generate_tokens(), media_type="text/event-stream")


@chute.cord(public_api_path="/stream_words")
async def stream_words(self, prompt: str):
    """A generator is enough: each dict becomes one event."""
    async for token in self.model.stream_generate(prompt):
        yield {"token": token}


@chute.cord(public_api_path="/subtitles", output_content_type="text/vtt")
def subtitles(self, text: str) -> str:
    """A plain function runs in a thread."""
    return f"WEBVTT\n\n00:00.000 --> 00:02.000\n{text}\n"


@chute.cord(public_api_path="/count", method="GET")
async def count(self, text: str, times: int = 1) -> dict:
    """A GET takes its fields from the query."""
    return {"characters": len(text) * times}


if __name__ == "__main__":
    chute.run_local(host="127.0.0.1", port=8080)
