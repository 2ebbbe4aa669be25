"""One `chutes run --dev` for all tests that only call it."""

from collections.abc import Iterator

import pytest

from tests.chute.process import Process, chutes_run
from tests.fakes.upstream import Upstream


@pytest.fixture(scope="session")
def dev_process(upstream_server: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = chutes_run(tmp_path_factory.mktemp("dev"), upstream_server.url).wait()
    yield process
    process.stop()


@pytest.fixture
def dev(dev_process: Process, upstream: Upstream) -> Process:
    return dev_process
