"""The product, to be read top to bottom: from a parsed call to a reply."""

from gateway.pipeline.handle import handle

__all__ = ["handle"]
