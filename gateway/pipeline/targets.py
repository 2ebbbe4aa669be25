"""Asks the targets of a call, and once more those that were cold or loading. Called by `handle` for whole calls, by
`long_audio` for the pieces of a recording."""

from gateway.errors import GatewayError
from gateway.openai_api.call import Reply
from gateway.pipeline.asking import Asking
from gateway.pipeline.loading import ask_when_ready
from gateway.pipeline.warming import ask_when_warm, met_cold, start_cold, tell_cold
from gateway.routing.types import Route


async def ask_targets(asking: Asking, route: Route) -> Reply:
    """Where none answers: from a chute that is cold or an engine that is still loading. Raises GatewayError."""
    chutes = bool(asking.state.dispatcher.vitals.signals.watched)
    cold = start_cold(asking, route) if chutes else ()
    try:
        reply = await asking.attempt()
    except GatewayError as error:
        met = met_cold(asking)
        return await (ask_when_warm(asking, error, met) if met else ask_when_ready(asking, error))
    if chutes:
        tell_cold(reply, asking, cold)
    return reply
