"""A chute from a template, with a function of its own beside the gateway's endpoints (A003-20).

Corrected: the SDK's `build_vllm_chute` gives a pack without `generate`, and the platform then takes the model's name
from the chute's. This one serves any name and stays a GatewayChute.
"""

import os

import chute_models
from gateway.chute.templates import build_vllm_chute

chute = build_vllm_chute(
    username="mycompany",
    name="custom-llm",
    model_name=os.environ.get("EXAMPLE_MODEL", "chute-gateway-demo-chat"),
    image="mycompany/custom-llm:1",
    build_engines=chute_models.build,
)

STYLES = {
    "formal": "Please respond in a formal tone: ",
    "casual": "Please respond casually: ",
    "technical": "Please provide a technical explanation: ",
}


@chute.cord(public_api_path="/custom_generate")
async def custom_generate(self, prompt: str, style: str = "formal"):
    result = await self.generate(STYLES.get(style, "") + prompt, max_tokens=40)
    return {"generated_text": result, "style": style}


if __name__ == "__main__":
    chute.run_local(host="127.0.0.1", port=8080)
