"""Several models in one chute, loaded side by side (A003-06, A003-19)."""

import asyncio

from fastapi import Response
from toy_model import ToyModel

from gateway.chute.chute import GatewayChute

chute = GatewayChute(username="mycompany", name="multi-model", image="mycompany/multi-model:1")


@chute.on_startup()
async def load_multiple_models(self):
    self.text_model, self.image_model, self.embedding_model = ToyModel(), ToyModel(), ToyModel()
    await asyncio.gather(self.text_model.load(), self.image_model.load(), self.embedding_model.load())


@chute.cord(public_api_path="/generate_text")
async def generate_text(self, prompt: str):
    return await self.text_model.generate(prompt)


@chute.cord(public_api_path="/generate_image", output_content_type="image/png")
async def generate_image(self, prompt: str):
    return Response(await self.image_model.generate_image(prompt), media_type="image/png")


@chute.cord(public_api_path="/embed_text")
async def embed_text(self, text: str):
    return await self.embedding_model.embed(text)


if __name__ == "__main__":
    chute.run_local(host="127.0.0.1", port=8080)
