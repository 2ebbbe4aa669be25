"""Start and end of a chute, its logger and configuration, middleware, a route and a health check of its own
(A003-06, A003-11, A003-12, A003-13).

Corrected: the documented health check is set as an attribute, which also replaces what `GET /health` answers here.
"""

from datetime import UTC, datetime

from fastapi.middleware.cors import CORSMiddleware
from toy_model import ToyModel

from gateway.chute.chute import GatewayChute

chute = GatewayChute(username="mycompany", name="lifecycle", image="mycompany/lifecycle:1", concurrency=4)
chute.gateway_cord("/health", "/health", "GET")
steps: list[str] = []


@chute.on_startup(priority=10)
async def setup_logging(self):
    self.logger.info("Chute startup initiated")
    self.logger.info(f"{self.config.name} of {self.config.username}, concurrency {self.config.concurrency}")


@chute.on_startup()
async def load_model(self):
    self.model = ToyModel()
    await self.model.load()
    steps.append("loaded")


@chute.on_startup()
async def configure_app(self):
    """Seen in local runs and under `--dev`; the platform calls cords only."""
    self.app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])

    @self.app.get("/custom")
    async def custom_endpoint():
        return {"message": "Custom endpoint"}


@chute.on_startup()
async def setup_custom_health_check(self):
    async def custom_health_check():
        now = datetime.now(UTC).isoformat()
        try:
            await self.model.generate("test", max_tokens=1)
            return {"status": "healthy", "model_loaded": True, "timestamp": now}
        except Exception as error:
            return {"status": "unhealthy", "error": str(error), "timestamp": now}

    self.health_check = custom_health_check


@chute.on_shutdown()
async def cleanup_resources(self):
    """The SDK never calls these; GatewayChute does, on SIGTERM and Ctrl-C."""
    self.model.loaded = False
    steps.append("unloaded")


@chute.cord(public_api_path="/generate")
async def generate(self, prompt: str):
    self.logger.info(f"Generating text for a prompt of {len(prompt)} characters")  # its text is nobody's business
    try:
        return await self.model.generate(prompt)
    except Exception as error:
        self.logger.error(f"Text generation failed: {error}")
        raise


if __name__ == "__main__":
    chute.run_local(host="127.0.0.1", port=8080, log_level="debug")
