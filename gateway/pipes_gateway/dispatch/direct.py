"""Egress in this process: for trusted pods, where the WorkOS key may be mounted beside the agent, and development."""

import msgspec

from pipes_egress.call import ToolRequest
from pipes_egress.egress import Egress
from pipes_live.places import Places
from pipes_live.view import ChangeKind, LiveView, ViewChange
from pipes_policy import limits

from . import Dispatched, Outcome
from .answers import outcome_of


class DirectDispatch:
    """Whoever executes a call counts it, so budget and rate are taken here."""

    counts_usage = False

    def __init__(self, egress: Egress, places: Places, view: LiveView) -> None:
        self._egress = egress
        self._places = places
        self._view = view
        view.on_change(self._changed)

    async def execute(self, dispatched: Dispatched) -> Outcome:
        call = dispatched.call
        session, binding, definition = call.session, call.binding, call.definition
        granted = session.grant.binding(binding.name) if session and session.grant and binding else None
        if session is None or session.grant is None or granted is None or definition is None:
            raise LookupError("the policy chain let a call pass that has no grant")
        told = dispatched.progress

        async def progress(done: float, text: str) -> None:
            if told is not None:
                told(done, None, text)

        place = self._places.of(session, dispatched.now)
        request = ToolRequest(
            grant=session.grant,
            granted=granted,
            definition=definition,
            arguments=dispatched.arguments,
            check=dispatched.check,
            reserve=place,
            progress=progress if told is not None else None,
            restrict=limits.restrictions(call),
            session=session.name,
            traceparent=dispatched.traceparent,
        )
        sent = False
        try:
            result = await self._egress.execute(request)
            sent = result.sent
        except BaseException:
            sent = True  # it may have been: what cannot be told counts as spent
            raise
        finally:
            await place.settle(sent=sent)
        if result.denial is None and (left := place.meta):
            result = msgspec.structs.replace(result, meta={**result.meta, **left})
        return outcome_of(result)

    async def close(self) -> None:
        await self._places.release()
        await self._egress.__aexit__(None, None, None)

    def _changed(self, change: ViewChange) -> None:
        if change.kind is ChangeKind.SESSION:
            session = self._view.session(change.uid)
            if session is None or not session.live:
                self._egress.drop(change.uid)
