"""Images the chute can run in: `gpu` (with vLLM) and `slim` (a pure router). Called by `chute_gateway.py` only.

Nothing here imports the gateway or the engines: what an image holds is passed in as a `Recipe`.
"""

from images.recipe import Recipe, content_tag

__all__ = ["Recipe", "content_tag"]
