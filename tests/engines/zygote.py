"""Imports vLLM once and forks one server per engine: `zygote.py SPECS.json`, run by the engines' interpreter. CPU only.

SPECS is a list of `{"arguments": [...], "environment": {...}, "log": path}`. Each server is what `python -m` of vLLM's
own module would be; only its engine core is forked instead of spawned: the imports, most of a start, are paid once.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    specs = json.loads(Path(sys.argv[1]).read_text())
    from vllm.platforms import current_platform

    platform = type(current_platform)
    original = platform.check_and_update_config.__func__

    def keep_fork(cls: type, config: object) -> None:
        original(cls, config)
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"

    platform.check_and_update_config = classmethod(keep_fork)
    import vllm.v1.engine.core
    import vllm.v1.worker.cpu_model_runner
    import vllm.v1.worker.cpu_worker  # noqa: F401
    from vllm.entrypoints.launchers.api_server.entry import main as serve

    children = [fork(spec, serve) for spec in specs]

    def stop(*_: object) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    for child in children:
        os.waitpid(child, 0)


def fork(spec: dict[str, Any], serve: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    os.setsid()
    log = os.open(spec["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(spec["environment"])
    sys.argv = ["vllm", *spec["arguments"]]
    serve()
    os._exit(0)


if __name__ == "__main__":
    main()
