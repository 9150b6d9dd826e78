"""Discovery: what hosted MCP servers list, read before anybody approves anything, and told to the operator.

The one thing that is done with a person's connection without an approved session. A binding asks for it
(`spec.tools.mcp.discover`), which takes the right to connect that person's account; nothing but `tools/list` is
sent, and each reading is in the audit trail as maintenance.
"""

import asyncio
import logging
from dataclasses import dataclass

from pipes_api.messages import BindingView, Discovered, HostedOffer, encode
from pipes_api.reasons import Reason
from pipes_catalog.hosted import LARGEST_LIST, MOST_TOOLS
from pipes_live.audit import AuditUnavailable, audit
from pipes_live.client import SessionService
from pipes_live.errors import Refused as NotTaken
from pipes_live.errors import Unreachable
from pipes_live.view import ChangeKind, LiveView, ViewChange
from pipes_policy import remedies
from pipes_policy.call import Denial

from ..credentials.cache import Key
from ..egress import Egress
from ..hosted.depth import nests_at_most
from ..hosted.servers import Listed
from ..problems import ProviderFailed, Refused

log = logging.getLogger(__name__)

AT_ONCE = 4
FIRST_RETRY_SECONDS = 15.0
SHORTEST_PAUSE_SECONDS = 10.0
"""A server that changes all the time is not read all the time."""
LARGEST_MESSAGE = LARGEST_LIST + 64 * 1024
MOST_TOOLS_TOLD = 2 * MOST_TOOLS
LONGEST_PROBLEM = 400
DEEPEST = 64
"""Levels of one tool that are told; who nests deeper is named, and no more."""


@dataclass(slots=True)
class _Reading:
    """What is known of one binding's readings; `due` is on the view's clock."""

    offer: HostedOffer
    due: float
    failures: int = 0
    begun: float = float("-inf")
    task: "asyncio.Task[None] | None" = None


class Discovery:
    """Reads every server that a binding offers for it: at once, then every `seconds`, and soon after a change.

    An async context manager; within it, it runs.
    """

    def __init__(self, view: LiveView, egress: Egress, service: SessionService, seconds: float) -> None:
        self._view = view
        self._egress = egress
        self._service = service
        self._seconds = seconds
        self._readings: dict[str, _Reading] = {}
        self._woken = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._running: asyncio.Task[None] | None = None
        view.on_change(self._view_changed)
        egress.on_list_change(self._list_changed)

    async def __aenter__(self) -> "Discovery":
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [self._running, *(each.task for each in self._readings.values())]
        for task in tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                async with asyncio.timeout(self._begin_what_is_due()):
                    await self._woken.wait()
            except TimeoutError:
                continue
            except Exception:
                log.exception("hosted servers cannot be read for now")
                await asyncio.sleep(FIRST_RETRY_SECONDS)

    def _begin_what_is_due(self) -> float | None:
        """Returns the seconds until something is due next; None: nothing is offered, or nobody is there to tell."""
        offered = {each.uid: each for each in self._view.bindings() if _may_be_read(each)}
        now = self._view.clock()
        for uid in set(self._readings) - set(offered):
            self._forget(uid)
        if not self._view.connected:
            return None
        for uid, binding in offered.items():
            reading = self._readings.get(uid)
            if binding.hosted is not None and (reading is None or reading.offer != binding.hosted):
                self._forget(uid)
                reading = self._readings[uid] = _Reading(binding.hosted, now)
            if reading is not None and reading.task is None and reading.due <= now:
                reading.begun = now
                reading.task = asyncio.create_task(self._read(binding, reading))
        waiting = [each.due - now for each in self._readings.values() if each.task is None]
        return min(waiting, default=None)

    async def _read(self, binding: BindingView, reading: _Reading) -> None:
        try:
            async with self._room:
                told = await self._told(binding, reading.offer)
            reading.failures = 0 if told else reading.failures + 1
        except Exception:
            log.exception("the tools of binding %s/%s could not be read", binding.namespace, binding.name)
            reading.failures += 1
        finally:
            reading.task = None
            again = FIRST_RETRY_SECONDS * 2 ** min(reading.failures - 1, 10) if reading.failures else self._seconds
            reading.due = self._view.clock() + min(again, self._seconds)
            self._woken.set()

    async def _told(self, binding: BindingView, offer: HostedOffer) -> bool:
        """Read, and tell the operator what came of it. Whether both went well."""
        message = await self._discovered(binding, offer)
        try:
            await self._service.discovered(binding.name, message)
        except (NotTaken, Unreachable) as error:
            log.warning("the tools of %s/%s could not be told: %.200s", binding.namespace, binding.name, error)
            return False
        return not message.problem

    async def _discovered(self, binding: BindingView, offer: HostedOffer) -> Discovered:
        tools: Listed = ()
        try:
            _record(binding)
            tools = await self._egress.listed(offer, binding.provider, binding.uid, lambda: self._objection(binding))
            problem = ""
        except Refused as error:
            problem = error.denial.message
        except (ProviderFailed, AuditUnavailable) as error:
            problem = str(error)
        except TimeoutError:
            problem = f"{offer.title}'s MCP server took too long to list its tools"
        finally:
            # Nothing is kept open, and no credential kept, between readings.
            self._egress.drop(binding.uid)
        return _message(binding, tools, problem)

    def _objection(self, binding: BindingView) -> Denial | None:
        """Asked before everything that is sent: whether the binding of now still wants it."""
        now = self._view.binding(binding.namespace, binding.name)
        if not self._view.connected:
            message, reason = "the operator cannot be asked", Reason.OPERATOR_UNAVAILABLE
        elif now is None or now.uid != binding.uid or now.hosted != binding.hosted or not _may_be_read(now):
            message, reason = "the connection is not offered for it any more", Reason.BINDING_SUSPENDED
        else:
            return None
        return Denial(reason=reason, message=message, remedy=remedies.PERSON)

    def _view_changed(self, change: ViewChange) -> None:
        if change.kind is not ChangeKind.SESSION:
            self._woken.set()

    def _list_changed(self, key: Key, url: str) -> None:
        """A call found something else than was read before."""
        for reading in self._readings.values():
            offer = reading.offer
            if (offer.url, offer.connection, offer.account) == (url, key.connection, key.account):
                reading.due = min(reading.due, reading.begun + SHORTEST_PAUSE_SECONDS)
                self._woken.set()

    def _forget(self, uid: str) -> None:
        reading = self._readings.pop(uid, None)
        if reading is not None and reading.task is not None:
            reading.task.cancel()


def _may_be_read(binding: BindingView) -> bool:
    # A binding that leaves the person to the session has nobody's connection to read with.
    return binding.hosted is not None and not binding.suspended and bool(binding.hosted.connection.user_id)


def _message(binding: BindingView, tools: Listed, problem: str) -> Discovered:
    told = tuple(each if nests_at_most(each, DEEPEST) else {"name": each.get("name")} for each in tools)
    message = Discovered(namespace=binding.namespace, uid=binding.uid, tools=told, problem=problem[:LONGEST_PROBLEM])
    if len(told) <= MOST_TOOLS_TOLD and len(encode(message)) <= LARGEST_MESSAGE:
        return message
    return Discovered(
        namespace=binding.namespace, uid=binding.uid, problem="the server lists more tools than can be taken in"
    )


def _record(binding: BindingView) -> None:
    """What cannot be recorded must not happen.

    Raises:
        AuditUnavailable: see there.
    """
    audit(
        decision="maintenance",
        message="reads the tools of a hosted MCP server",
        part="broker",
        namespace=binding.namespace,
        binding=binding.name,
        tool="tools/list",
    )
