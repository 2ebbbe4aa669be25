"""Other APIs that callers may speak, each translated to chat completions and back."""

from gateway.dialects.base import Dialect
from gateway.dialects.messages import MESSAGES
from gateway.dialects.responses import RESPONSES

DIALECTS: dict[str, Dialect] = {dialect.path: dialect for dialect in (MESSAGES, RESPONSES)}
"""By path."""
