"""One emulated platform for all tests of this folder; each test finds it without faults."""

from collections.abc import Iterator

import pytest

from tests.platform.process import PlatformProcess


@pytest.fixture(scope="session")
def platform_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    process = PlatformProcess(tmp_path_factory.mktemp("platform"))
    yield process
    assert process.stop() == 0


@pytest.fixture
def platform(platform_process: PlatformProcess) -> PlatformProcess:
    platform_process.reset()
    return platform_process
