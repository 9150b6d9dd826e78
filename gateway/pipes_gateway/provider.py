"""The way of a provider call: policy, dispatch, audit."""

import asyncio
import logging
import time
from typing import Any

from pipes_api.resources import Access
from pipes_live.audit import AuditUnavailable, arguments_hash, audit
from pipes_live.inflight import CallOver, InFlight
from pipes_live.usage import UsageReporter
from pipes_policy import chain
from pipes_policy.call import Call, Denial

from . import results
from .dispatch import Dispatch, Dispatched, Outcome
from .facts import Facts
from .mcp.methods import CallContext, Progress
from .metrics import Metrics
from .results import Result

log = logging.getLogger(__name__)

PROGRESS_EVERY_SECONDS = 10.0


class ProviderCalls:
    """Checks each call, sends it on, and records what was decided."""

    def __init__(
        self,
        facts: Facts,
        dispatch: Dispatch,
        in_flight: InFlight,
        usage: UsageReporter,
        metrics: Metrics,
        seconds: float,
    ) -> None:
        self._facts = facts
        self._dispatch = dispatch
        self._in_flight = in_flight
        self._usage = usage
        self._metrics = metrics
        self._seconds = seconds

    async def call(self, tool: str, arguments: dict[str, Any], context: CallContext) -> Result:
        began = time.perf_counter()
        call, denial = self._facts.decide(tool, arguments, context.session)
        denial = self._record(call, arguments, denial, context)
        self._count(call, denial)
        if denial is None:
            outcome = await self._send(call, arguments, context)
            denial = outcome.denial
            if denial is not None:
                # Refused on the way: what the arguments do was judged there, or the session ended meanwhile.
                denial = self._record(call, arguments, denial, context)
                if not self._dispatch.counts_usage:
                    self._count(call, denial)
        self._metrics.called(denial.reason if denial is not None else "", time.perf_counter() - began)
        return results.denied(denial) if denial is not None else outcome.result

    async def _send(self, call: Call, arguments: dict[str, Any], context: CallContext) -> Outcome:
        if call.session is None:
            raise LookupError("the policy chain let a call pass that has no session")

        def check(needs: Access | None, reserved: bool) -> Denial | None:
            return self._facts.decide_again(call, needs, reserved=reserved)

        def now(needs: Access) -> Call:
            return self._facts.now(call, needs)

        dispatched = Dispatched(call, arguments, check, now, context.progress, context.traceparent)
        work = self._in_flight.run(self._dispatch.execute(dispatched), lambda: self._facts.decide_running(call))
        try:
            async with asyncio.timeout(self._seconds):
                if context.progress is None:
                    return await work
                async with _still_at_it(context.progress):
                    return await work
        except CallOver as over:
            return Outcome({}, over.denial)
        except TimeoutError:
            text = f"{call.tool} took longer than {self._seconds:g} s, so it was cancelled, at the provider too"
            return Outcome(results.failed(text))

    def _record(
        self, call: Call, arguments: dict[str, Any], denial: Denial | None, context: CallContext
    ) -> Denial | None:
        """Write the decision down. A call that cannot be written down is refused."""
        session, identity = call.session, self._facts.view.identity
        try:
            audit(
                decision="denied" if denial is not None else "allowed",
                reason=denial.reason if denial is not None else "",
                message=denial.message if denial is not None else "",
                part="gateway",
                namespace=identity.namespace,
                serviceAccount=identity.service_account,
                pod=identity.pod_uid,
                session=session.name if session is not None else "",
                sessionUID=session.uid if session is not None else "",
                binding=call.binding.name if call.binding is not None else "",
                tool=call.tool,
                argumentsSHA256=arguments_hash(arguments),
                traceparent=context.traceparent,
            )
        except AuditUnavailable as error:
            log.error("a decision could not be recorded: %s", error)
            denial = denial or chain.not_recorded(call)
        return denial

    def _count(self, call: Call, denial: Denial | None) -> None:
        if denial is not None and call.session is not None:
            self._usage.denied(call.session)


class _still_at_it:  # noqa: N801 - reads as a statement at its one use
    """Tells the client now and then that the call goes on; clients give up on a call that is silent for a minute."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._tell())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _tell(self) -> None:
        waited = 0.0
        while True:
            await asyncio.sleep(PROGRESS_EVERY_SECONDS)
            waited += PROGRESS_EVERY_SECONDS
            self._progress(waited, None, f"still working after {waited:g} s")
