"""Work in the background: asked for, by the clock, and with retries (A003-09).

Corrected: the platform runs no schedules and takes no jobs beside cords, so these run inside the process. They run at
least once: what a restart interrupted is run again.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import httpx

from gateway.chute.chute import GatewayChute

TEMPORARY = Path(tempfile.gettempdir()) / "jobs-example"
DAY = 86_400

chute = GatewayChute(username="mycompany", name="jobs", image="mycompany/jobs:1")


@chute.on_startup()
async def prepare(self):
    TEMPORARY.mkdir(exist_ok=True)
    self.cache = {"old": (time.time() - 2 * DAY, "x"), "new": (time.time(), "y")}


@chute.job(name="data_processing")
async def process_data(self, data: dict) -> dict:
    await asyncio.sleep(0)
    return {"status": "completed", "processed_items": len(data.get("items", []))}


@chute.job(name="daily_cleanup", schedule="0 2 * * *")  # every day at 2:00 UTC
async def daily_cleanup(self) -> dict:
    old = [path for path in TEMPORARY.iterdir() if path.stat().st_mtime < time.time() - DAY]
    for path in old:
        path.unlink()
    stale = [key for key, (at, _) in self.cache.items() if at < time.time() - DAY]
    for key in stale:
        del self.cache[key]
    return {"temp_files_cleaned": len(old), "cache_entries_cleared": len(stale)}


@chute.job(name="external_api_call", retry_count=5, timeout=30)
async def call_external_api(self, endpoint: str, data: dict):
    async with httpx.AsyncClient() as client:
        response = await client.post(endpoint, json=data)
    if response.status_code != 200:
        raise RuntimeError(f"API call failed: {response.status_code}")
    return response.json()


@chute.cord(public_api_path="/jobs/run")
async def run_job(self, name: str, arguments: dict | None = None) -> dict:
    return {"run_id": self.scheduler.submit(name, **(arguments or {})).run_id}


@chute.cord(public_api_path="/jobs", path="/list_jobs", method="GET")
async def list_jobs(self) -> dict:
    return self.scheduler.state()


if __name__ == "__main__":
    chute.run_local(host="127.0.0.1", port=8080)
