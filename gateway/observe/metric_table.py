"""Every metric the gateway shows, as data. docs/metrics.md and the dashboard are tested against it."""

from gateway.observe.metrics import Metric

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 600.0)
_OWN = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)
_MODEL = ("provider", "model")
_TARGET = ("provider", "upstream_model")

REQUESTS = Metric(
    "gateway_requests_total",
    "counter",
    "Requests by what the caller got; status 499: the caller left.",
    ("operation", "model", "provider", "status"),
)
ERRORS = Metric("gateway_errors_total", "counter", "Refused and failed requests by error code.", ("operation", "code"))
DURATION = Metric(
    "gateway_request_duration_seconds",
    "histogram",
    "From arrival until the last byte was handed over.",
    ("operation", "model"),
    _SECONDS,
)
FIRST_TOKEN = Metric(
    "gateway_time_to_first_token_seconds",
    "histogram",
    "From arrival until the first content of a stream.",
    ("operation", "model"),
    _SECONDS,
)
OVERHEAD = Metric(
    "gateway_overhead_seconds", "histogram", "The gateway's own share of the duration.", ("operation",), _OWN
)
TOKENS = Metric("gateway_tokens_total", "counter", "Tokens: input, output, cached.", (*_MODEL, "kind"))
AUDIO = Metric("gateway_audio_seconds_total", "counter", "Seconds of audio.", _MODEL)
PAGES = Metric("gateway_pages_total", "counter", "Pages of documents.", _MODEL)
COST = Metric("gateway_cost_usd_total", "counter", "Cost in USD, where a price is known.", _MODEL)
UNPRICED = Metric("gateway_unpriced_requests_total", "counter", "Answers whose price nobody knows.", _MODEL)
ATTEMPTS = Metric("gateway_attempts_total", "counter", "Tries of targets by outcome.", ("provider", "outcome"))
FALLBACKS = Metric("gateway_fallbacks_total", "counter", "Requests that their first target did not answer.", ("model",))
FROM_CACHE = Metric("gateway_cached_requests_total", "counter", "Requests answered from the cache.", ("model",))

IN_FLIGHT = Metric("gateway_in_flight_requests", "gauge", "Calls at targets, and requests that wait for one.")
QUEUE = Metric("gateway_queue_requests", "gauge", "Requests that wait because all their targets rest.")
TARGET_IN_FLIGHT = Metric("gateway_target_in_flight", "gauge", "Calls that a target has not finished.", _TARGET)
BREAKER = Metric(
    "gateway_breaker_state",
    "gauge",
    "0 closed, 1 coming back (ramping or half-open), 2 open, 3 resting as the provider asked.",
    _TARGET,
)
ENGINE_STATE = Metric("gateway_engine_state", "gauge", "1 for the state an engine is in.", ("engine", "state"))
ENGINE_RESTARTS = Metric("gateway_engine_restarts_total", "counter", "Restarts of an engine.", ("engine",))
ENGINE_MEMORY = Metric("gateway_engine_memory_bytes", "gauge", "Memory of an engine's processes.", ("engine",))
ENGINE_LOAD = Metric("gateway_engine_in_flight", "gauge", "Calls that an engine has not finished.", ("engine",))
ENGINE_GPU_MEMORY = Metric(
    "gateway_engine_gpu_memory_bytes", "gauge", "GPU memory of an engine, where it or the system tells.", ("engine",)
)
ENGINE_RUNNING = Metric("gateway_engine_running", "gauge", "Calls that an engine works on, as it says.", ("engine",))
ENGINE_TOKENS = Metric(
    "gateway_engine_tokens_total",
    "counter",
    "Tokens since the engine started, as it says: input, output.",
    ("engine", "kind"),
)
ENGINE_WAITING = Metric("gateway_engine_waiting", "gauge", "Calls that wait inside an engine, as it says.", ("engine",))
ENGINE_CACHE = Metric(
    "gateway_engine_cache_ratio", "gauge", "Share of an engine's key-value cache in use, as it says.", ("engine",)
)
CACHE_HITS = Metric("gateway_cache_hits_total", "counter", "Questions to the response cache that it could answer.")
CACHE_MISSES = Metric("gateway_cache_misses_total", "counter", "Questions to the response cache that it could not.")
CACHE_STORED = Metric("gateway_cache_stored_total", "counter", "Answers kept.")
CACHE_EVICTED = Metric("gateway_cache_evicted_total", "counter", "Answers that had to make room.")
CACHE_ENTRIES = Metric("gateway_cache_entries", "gauge", "Answers in the response cache.")
CACHE_BYTES = Metric("gateway_cache_bytes", "gauge", "Memory that they take.")
CATALOG_AGE = Metric("gateway_catalog_age_seconds", "gauge", "Since the catalog was refreshed.")
ROWS_WAITING = Metric("gateway_usage_rows_waiting", "gauge", "Usage rows that are not in the database yet.")
ROWS_WRITTEN = Metric("gateway_usage_rows_written_total", "counter", "Usage rows in the database.")
ROWS_DROPPED = Metric("gateway_usage_rows_dropped_total", "counter", "Usage rows that were lost.")
WRITE_FAILURES = Metric("gateway_usage_write_failures_total", "counter", "Batches that the database refused.")
BODIES_DROPPED = Metric(
    "gateway_usage_bodies_dropped_total", "counter", "Rows kept without the bodies that were to be kept with them."
)
BATCHES = Metric(
    "gateway_batches", "gauge", "Batches that are not finished, of all workers and instances, by status.", ("status",)
)
BATCHES_ENDED = Metric("gateway_batches_ended_total", "counter", "Batches that came to their end.", ("status",))
BATCH_REQUESTS = Metric(
    "gateway_batch_requests_total", "counter", "Requests of batches by outcome: completed, failed.", ("outcome",)
)
MODELS = Metric("gateway_models", "gauge", "Models that callers can ask for.")
STARTED = Metric("process_start_time_seconds", "gauge", "When the process started, epoch seconds.")
CPU = Metric("process_cpu_seconds_total", "counter", "CPU time of the process.")
MEMORY = Metric("process_resident_memory_bytes", "gauge", "Resident memory of the process.")
FILES = Metric("process_open_fds", "gauge", "Open file descriptors.")
INFO = Metric("gateway_info", "gauge", "Always 1.", ("version",))

METRICS: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
