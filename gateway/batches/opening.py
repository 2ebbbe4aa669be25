"""Makes the runner of a gateway's batches from its settings. Called by the back office."""

from gateway.batches.runner import BatchRunner
from gateway.batches.work import BatchLimits
from gateway.settings import Settings
from gateway.store.store import Store

_DAY = 86_400.0
_MB = 2**20


def open_batches(settings: Settings, store: Store) -> BatchRunner:
    batches = settings.batches
    limits = BatchLimits(
        parallel=batches.parallel,
        max_open=batches.max_open,
        max_requests=batches.max_requests,
        max_file=int(batches.max_file_mb * _MB),
        max_kept=int(batches.max_kept_mb * _MB),
        retention=batches.retention_days * _DAY,
    )
    return BatchRunner(store.batches, store.files, limits)
