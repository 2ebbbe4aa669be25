"""A process with a supervisor and engines in it, to be killed: `supervised.py STATE_DIR WISH...` prints "ready PID"."""

import asyncio
import sys
from pathlib import Path

from chute_models.engine import Launch
from chute_models.spec import EngineSpec
from chute_models.supervisor import Supervisor

FAKE_ENGINE = Path(__file__).with_name("engine.py")


def fake_spec(name: str = "fake", **changes: object) -> EngineSpec:
    facts = {
        "kind": "chat",
        "model": f"model-{name}",
        "source": "none",
        "runtime": "transformers",
        "grace_seconds": 0.2,
    }
    return EngineSpec(name=name, upstream_model=f"model-{name}", **{**facts, **changes})  # type: ignore[arg-type]


def fake_launch(spec: EngineSpec, port: int, secret: str) -> Launch:
    """A spec's `args` are the wishes of the fake engine."""
    return Launch((sys.executable, str(FAKE_ENGINE), str(port), *spec.args), {"ENGINE_SECRET": secret})


async def main() -> None:
    spec = fake_spec(args=tuple(sys.argv[2:]))
    board = Supervisor([spec], fake_launch, engine_python=sys.executable, state_dir=Path(sys.argv[1]))
    await board.start()
    assert await board.wait_ready("fake", 20)
    status = board.status("fake")
    assert status is not None
    print("ready", status.pid, flush=True)
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(main())
