"""The gateway: one ASGI app that answers the OpenAI API and routes each call to a local engine or a provider."""

__version__ = "0.1.0"
