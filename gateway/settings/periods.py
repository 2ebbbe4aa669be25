"""The windows of budgets and of what was spent, named in UTC: `day:2026-11-21`. Used by `access` and by `usage`."""

from datetime import UTC, datetime, timedelta

PERIODS = ("day", "week", "month", "total")


def period_name(period: str, now: float) -> str:
    """`day:2026-11-21`, `week:2026-W47` (ISO), `month:2026-11` or `total`. `now` is in epoch seconds."""
    if period == "total":
        return "total"
    moment = datetime.fromtimestamp(now, UTC)
    if period == "week":
        year, week, _ = moment.isocalendar()
        return f"week:{year:04d}-W{week:02d}"
    return moment.strftime(f"{period}:%Y-%m-%d" if period == "day" else f"{period}:%Y-%m")


def period_end(period: str, now: float) -> float | None:
    """The epoch second at which the next period begins; None for `total`, which never ends."""
    if period == "total":
        return None
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return (today + timedelta(days=1)).timestamp()
    if period == "week":
        return (today + timedelta(days=7 - today.weekday())).timestamp()
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1).timestamp()
