"""Conditions of both kinds. A transition time moves only with the status it belongs to."""

from collections.abc import Iterable
from datetime import datetime

from pipes_api.resources import Condition, condition


def updated(
    old: tuple[Condition, ...], new: Iterable[tuple[str, bool | None, str, str]], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """`new` as (type, status, reason, message); a status of None is Unknown. Other conditions are dropped."""
    return tuple(
        _one(condition(old, kind), kind, status, reason, message, generation, now)
        for kind, status, reason, message in new
    )


def _one(
    old: Condition | None,
    kind: str,
    status: bool | None,
    reason: str,
    message: str,
    generation: int,
    now: datetime,
) -> Condition:
    word = "Unknown" if status is None else str(status)
    since = old.last_transition_time if old is not None and old.status == word else now.replace(microsecond=0)
    return Condition(
        type=kind,
        status=word,
        reason=reason,
        message=message,
        last_transition_time=since,
        observed_generation=generation,
    )
