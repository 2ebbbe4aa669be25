"""Makes the runner of a gateway from its settings. Called by the back office."""

from gateway.access.secrets import Sealer
from gateway.jobs.hooks import Courier, HookRules
from gateway.jobs.runner import JobLimits, Runner
from gateway.settings import Settings
from gateway.store.jobs import JobStore

_HOUR = 3600.0


def open_runner(settings: Settings, store: JobStore, sealer: Sealer) -> Runner:
    jobs = settings.jobs
    limits = JobLimits(
        max_open=jobs.max_open,
        max_result=int(jobs.max_result_mb * 2**20),
        max_kept=int(jobs.max_kept_mb * 2**20),
        retention=jobs.retention_hours * _HOUR,
    )
    return Runner(store, limits, Courier(HookRules(jobs.webhook_hosts, settings.port)), sealer)
