"""What a caller prefers who does not want to wait: `Prefer: respond-async, wait=10` (RFC 7240). Read by `api`."""

from gateway.errors import InvalidRequest

RESPOND_ASYNC = "respond-async"


def read_preference(header: str) -> float | None:
    """The seconds for which the caller waits for the answer itself before it is to become a job, 0 where `wait` says
    nothing; None where no job is asked for. Other preferences are ignored. Raises InvalidRequest."""
    wanted: dict[str, str] = {}
    for part in header.lower().split(","):
        name, _, value = part.partition(";")[0].partition("=")
        wanted.setdefault(name.strip(), value.strip().strip('"'))  # of repeated ones the first counts (section 2)
    if RESPOND_ASYNC not in wanted:
        return None
    wait = wanted.get("wait", "0")
    if not (wait.isascii() and wait.isdigit() and len(wait) < 10):
        text = "'wait' in the header Prefer must be a whole number of seconds, as in respond-async, wait=10."
        raise InvalidRequest(text, param="Prefer")
    return float(wait)
