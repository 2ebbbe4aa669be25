"""Starts the HTTP gateway that TensorZero's wheel carries, writes its address to a file, and waits: CONFIG ADDRESS."""

import sys
import time
from pathlib import Path

from tensorzero.tensorzero import _start_http_gateway

gateway = _start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
Path(sys.argv[2]).write_text(gateway.base_url)
time.sleep(3600)
