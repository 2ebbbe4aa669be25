"""What the gateway knows at a moment: an immutable `Snapshot`, and the `State` that swaps it."""

from gateway.state.build import build_snapshot
from gateway.state.media import MediaLimits
from gateway.state.snapshot import Snapshot, State

__all__ = ["MediaLimits", "Snapshot", "State", "build_snapshot"]
