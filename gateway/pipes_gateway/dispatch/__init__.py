"""Where an allowed call goes: to the broker, or to the same library in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pipes_api.resources import Access
from pipes_policy.call import Call, Denial

from ..mcp.methods import Progress
from ..results import Result

Check = Callable[[Access | None, bool], Denial | None]
"""The policy chain as of now for this call: what it needs, once judged, and whether the budget has a place for it."""


@dataclass(frozen=True, slots=True)
class Dispatched:
    """One call that the gateway has allowed. `check` is asked again before every send, `now` is the call as of now."""

    call: Call
    arguments: dict[str, Any]
    check: Check
    now: Callable[[Access], Call]
    progress: Progress | None
    traceparent: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. With a `denial`, policy refused it on the way and `result` is empty."""

    result: Result
    denial: Denial | None = None


class Dispatch(Protocol):
    """A way to the providers. `counts_usage`: calls and denials on that way are counted by whoever is at its end."""

    counts_usage: bool

    async def execute(self, dispatched: Dispatched) -> Outcome:
        """Carry out one call. When cancelled, cancels it at the provider too."""

    async def close(self) -> None: ...
