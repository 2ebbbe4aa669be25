"""The admin API: thin routes over `gateway.admin`, the store and the engines. Mounted by `api.pages`."""

from gateway.api.admin import (
    actions,
    analytics,
    audit,
    backups,
    batches,
    engines,
    live,
    overview,
    own,
    provider_health,
    resources,
    session,
    targets,
    usage,
    written,
)

ROUTERS = (
    session.router,
    own.router,
    actions.router,
    provider_health.router,
    written.router,
    *resources.ROUTERS,
    usage.admin,
    usage.user,
    analytics.router,
    overview.router,
    targets.router,
    live.router,
    audit.router,
    batches.router,
    engines.router,
    backups.router,
)
"""Actions come before resources, whose ids may contain slashes."""
