"""Whether a request for a session can be granted as it is, and what of it is cut to the ceilings. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import re2

from pipes_api import durations
from pipes_api.messages import BindingView, CreateSession
from pipes_api.reasons import RequestRefusal
from pipes_api.resources import Access, ExactCall, Limits, RequestedBinding
from pipes_operator.decisions import calls as exact

from .refusals import Refused, invalid

MOST_BINDINGS = 16
MOST_TOOLS = 64
MOST_CALLS = 16
LONGEST_REASON = 1000
_LARGEST_LIMIT = 1_000_000
_PLAIN_LINE = re2.compile(
    r"([^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{3164}"
    r"\x{FE00}-\x{FE0D}\x{FFA0}\x{E0100}-\x{E01EF}]|[\p{So}\p{Sk}\x{FE0F}]\x{200D})*"
)
"""The CRD's own rule, in its own engine: nothing that makes a person read something else than what is there."""

Find = Callable[[str], Mapping[str, Any] | None]
"""Definition of a tool by its hash."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that can be granted: `duration` is canonical text, `notes` say what was cut and why."""

    reason: str
    bindings: tuple[RequestedBinding, ...]
    duration: str
    limits: Limits | None
    notes: tuple[str, ...]


def weigh(request: CreateSession, offers: Iterable[BindingView], find: Find) -> Ask:
    """The request after the ceilings of the bindings.

    Raises:
        Refused: it cannot be granted as it is; the sentence says what to change.
    """
    _check_reason(request.reason)
    seconds = _seconds(request.duration)
    offered = {each.name: each for each in offers}
    named = [each.name for each in request.bindings]
    if not 1 <= len(named) <= MOST_BINDINGS:
        raise invalid(f"ask for between 1 and {MOST_BINDINGS} bindings")
    if len(set(named)) != len(named):
        raise invalid("each binding may be named once")
    notes: list[str] = []
    bindings = tuple(_binding(each, _offer(each.name, offered), find, notes) for each in request.bindings)
    asked = [offered[name] for name in named]
    return Ask(
        reason=request.reason,
        bindings=bindings,
        duration=durations.render(_at_most_duration(seconds, asked, notes)),
        limits=_limits(request.limits, asked, notes),
        notes=tuple(notes),
    )


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason) <= LONGEST_REASON or not reason.strip():
        raise invalid(f"reason must say in 1 to {LONGEST_REASON} characters what the access is for")
    if any("\ud800" <= each <= "\udfff" for each in reason) or not _PLAIN_LINE.fullmatch(reason):
        raise invalid(
            "reason must be one line of plain text: no line breaks, control characters or invisible formatting"
        )


def _seconds(duration: str) -> int:
    try:
        return durations.parse(duration)
    except ValueError as error:
        raise invalid(f"duration: {error}") from None


def _offer(name: str, offered: Mapping[str, BindingView]) -> BindingView:
    offer = offered.get(name)
    if offer is None:
        there = ", ".join(sorted(offered)) or "none"
        raise Refused(
            RequestRefusal.NOT_OFFERED,
            f"no binding {name[:63]!r} is offered to this agent; offered are: {there}",
            "ask for one that is offered, or ask a person to offer it",
        )
    if offer.from_session:
        raise Refused(
            RequestRefusal.NOT_OFFERED,
            f"{name} uses the connection of the person that the agent acts for, whom an agent cannot name",
            "a person must create the session and name that person in spec.onBehalfOf",
        )
    if offer.suspended or not offer.ready:
        raise Refused(
            RequestRefusal.NOT_OFFERED,
            f"the binding {name} cannot be used now: {offer.problem or 'it is not ready'}",
            "a person must put this right first",
        )
    return offer


def _binding(asked: RequestedBinding, offer: BindingView, find: Find, notes: list[str]) -> RequestedBinding:
    access = asked.access.at_most(offer.max_access)
    if access is not asked.access:
        notes.append(f"{asked.name}: {asked.access} was asked, {access} is the most this binding allows")
    if asked.calls is not None:
        return _exact(asked, asked.calls, access, offer, find)
    if asked.tools is None:
        if not any(_fits(offer.tools[tool], access, find) for tool in offer.tools):
            raise Refused(RequestRefusal.NOT_OFFERED, f"{asked.name} offers no tool under {access} access")
        return RequestedBinding(name=asked.name, access=access)
    if not 1 <= len(asked.tools) <= MOST_TOOLS:
        raise invalid(f"{asked.name}: name between 1 and {MOST_TOOLS} tools, or leave tools out to ask for all")
    tools = tuple(dict.fromkeys(_tool(each, asked.name, offer) for each in asked.tools))
    fitting = tuple(each for each in tools if _fits(offer.tools[each], access, find))
    if not fitting:
        raise Refused(
            RequestRefusal.NOT_OFFERED,
            f"{asked.name}: {', '.join(tools)} would need Write access, and {access} is what can be had here",
            "ask for Write, if the binding allows it, or for tools that read",
        )
    for tool in tools:
        if tool not in fitting:
            notes.append(f"{tool} is left out: it would need Write access, and {access} is what can be had here")
    return RequestedBinding(name=asked.name, access=access, tools=fitting)


def _exact(
    asked: RequestedBinding, calls: tuple[ExactCall, ...], access: Access, offer: BindingView, find: Find
) -> RequestedBinding:
    if asked.tools is not None:
        raise invalid(f"{asked.name}: name tools or exact calls, not both")
    if not 1 <= len(calls) <= MOST_CALLS:
        raise invalid(f"{asked.name}: ask for between 1 and {MOST_CALLS} exact calls")
    found: list[ExactCall] = []
    for index, each in enumerate(calls):
        tool = _tool(each.tool, asked.name, offer)
        place = f"{asked.name}: calls[{index}]"
        definition = find(offer.tools[tool]) or {}
        if not _fits(offer.tools[tool], access, find):
            raise Refused(
                RequestRefusal.NOT_OFFERED,
                f"{place}: {tool} needs Write access, and {access} is what is asked for or can be had here",
                "ask for Write, if the binding allows it",
            )
        wrong = exact.problem(each.arguments, definition.get("inputSchema") or {}, offer.restrict.get(tool))
        if wrong:
            raise invalid(f"{place}: {wrong}", "write the arguments as the tool takes them")
        call = ExactCall(tool=tool, arguments=each.arguments)
        if call in found:
            raise invalid(f"{place} repeats calls[{found.index(call)}]; each call is made once")
        found.append(call)
    return RequestedBinding(name=asked.name, access=access, calls=tuple(found))


def _tool(name: str, binding: str, offer: BindingView) -> str:
    """The advertised name of a tool that was called by that name or by the catalog's."""
    for candidate in (name, f"{binding.replace('-', '_')}_{name}"):
        if candidate in offer.tools:
            return candidate
    raise Refused(
        RequestRefusal.NOT_OFFERED,
        f"{binding} has no tool {name[:64]!r}; it has: {', '.join(sorted(offer.tools))}",
        "name tools that the binding has, or leave tools out to ask for all",
    )


def _fits(digest: str, access: Access, find: Find) -> bool:
    """Whether a tool can be granted under that access: one that writes needs Write."""
    definition = find(digest)
    return definition is not None and (access is Access.WRITE or definition.get("access") != Access.WRITE)


def _at_most_duration(seconds: int, asked: list[BindingView], notes: list[str]) -> int:
    for offer in asked:
        if offer.max_duration is not None and offer.max_duration < seconds:
            if offer.max_duration < durations.MINIMUM_SECONDS:
                raise Refused(RequestRefusal.NOT_OFFERED, f"the ceiling of {offer.name} allows no session at all")
            seconds = offer.max_duration
            notes.append(f"duration is cut to {durations.render(seconds)}, the most that {offer.name} allows")
    return seconds


def _limits(limits: Limits | None, asked: list[BindingView], notes: list[str]) -> Limits | None:
    calls, writes = (limits.max_calls, limits.max_writes) if limits is not None else (None, None)
    if (calls is not None and not 1 <= calls <= _LARGEST_LIMIT) or (
        writes is not None and not 0 <= writes <= _LARGEST_LIMIT
    ):
        raise invalid(f"limits: maxCalls is 1 to {_LARGEST_LIMIT}, maxWrites 0 to {_LARGEST_LIMIT}")
    for offer in asked:
        if offer.max_calls is not None and (calls is None or offer.max_calls < calls):
            calls = offer.max_calls
            notes.append(f"calls are limited to {calls}, the most that {offer.name} allows")
    return None if calls is None and writes is None else Limits(max_calls=calls, max_writes=writes)
