"""From a request to what it would allow: cut to the ceilings first, then to what the approver left of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from pipes_api import canonical, durations
from pipes_api.grant import Grant, GrantedBinding, GrantedCall
from pipes_api.resources import (
    Access,
    AgentSession,
    Approval,
    Connection,
    ExactCall,
    Limits,
    OnBehalfOf,
    RequestedBinding,
    is_true,
    plain,
)
from pipes_catalog.definition import ToolAccess

from . import calls, reports
from .facts import Offer
from .reports import Report, Word

LARGEST = 256 * 1024
"""Bytes of a grant. It stands in the status beside what was asked and what is shown, and an object has 1.5 MB."""


@dataclass(frozen=True, slots=True)
class Granting:
    """The grant of a request, None with the `problems` that prevent one; `cuts` say what a ceiling took away."""

    grant: Grant | None
    problems: tuple[str, ...] = ()
    cuts: tuple[str, ...] = ()


def requested(
    session: AgentSession, offers: Mapping[str, Offer], longest: timedelta, people: Mapping[str, Report]
) -> Granting:
    """The request after the ceilings of its bindings and of the installation, before any approver's narrowing.

    people: what Pipes says of the connections of the person it acts for, by binding.
    """
    spec = session.spec
    problems: list[str] = []
    cuts: list[str] = []
    granted: list[GrantedBinding] = []
    for wanted in spec.bindings:
        offer = offers.get(wanted.name)
        problem = _unusable(wanted.name, offer, spec.agent.service_account_name)
        if offer is None or problem:
            problems.append(problem)
            continue
        account = _account(offer, spec.on_behalf_of, people.get(wanted.name))
        if isinstance(account, str):
            problems.append(account)
            continue
        one = _granted(wanted, offer, account, problems, cuts)
        if one is not None:
            granted.append(one)
    used = [offers[each.name].binding.spec.limits for each in granted]
    ceilings = [each.max_duration for each in used if each.max_duration is not None]
    try:
        duration, *ceiling = [durations.parse(each) for each in (spec.duration, *ceilings)]
    except ValueError as error:
        problems.append(str(error))
    if problems:
        return Granting(None, tuple(problems))
    allowed = min([duration, int(longest.total_seconds()), *ceiling])
    if allowed < duration:
        cuts.append(f"duration {durations.render(duration)} cut to {durations.render(allowed)}")
    limits = spec.limits or Limits()
    for each in used:
        limits = limits.at_most(Limits(max_calls=each.max_calls))
    if spec.limits is not None and spec.limits.max_calls not in (None, limits.max_calls):
        cuts.append(f"{spec.limits.max_calls} calls cut to {limits.max_calls}")
    grant = Grant(
        uid=session.metadata.uid,
        agent=spec.agent,
        duration=allowed,
        reason=spec.reason,
        bindings=tuple(granted),
        limits=limits,
        on_behalf_of=spec.on_behalf_of,
    )
    size = len(canonical.dumps(plain(grant)))
    if size > LARGEST:
        return Granting(None, (f"it asks for too much at once ({size} bytes, {LARGEST} are the most): ask for less",))
    return Granting(grant, cuts=tuple(cuts))


def narrowed(grant: Grant, approval: Approval, offers: Mapping[str, Offer]) -> Grant | None:
    """What the approver left of the grant; None when that is nothing. Never more than `grant`, whatever it says."""
    bindings = grant.bindings
    if approval.bindings is not None:
        kept = {each.name: each for each in approval.bindings}
        bindings = tuple(
            left
            for granted in grant.bindings
            if granted.name in kept
            and (left := _left(granted, kept[granted.name].access, kept[granted.name].tools, offers)) is not None
        )
    if not bindings:
        return None
    duration = grant.duration
    if approval.duration is not None:
        try:
            duration = min(duration, durations.parse(approval.duration))
        except ValueError:
            return None
    limits = grant.limits.at_most(approval.limits)
    return msgspec.structs.replace(grant, bindings=bindings, duration=duration, limits=limits)


def _unusable(name: str, offer: Offer | None, service_account: str) -> str:
    if offer is None:
        return f"there is no ProviderBinding {name}"
    binding = offer.binding
    allowed = binding.spec.limits.allowed_service_accounts
    if allowed is not None and service_account not in allowed:
        return f"{name} is not offered to the ServiceAccount {service_account}"
    if binding.metadata.deletion_timestamp is not None:
        return f"{name} is being deleted"
    if binding.spec.suspended:
        return f"{name} is suspended"
    if offer.problem:
        return f"{name}: {offer.problem}"
    if binding.status.observed_generation != binding.metadata.generation:
        return f"{name} has not been checked yet"
    if not is_true(binding.status.conditions, "Ready"):
        return f"{name} is not Ready: {_why(offer)}"
    return ""


@dataclass(frozen=True, slots=True)
class _Account:
    """One account in Pipes, and whose it is."""

    connection: Connection
    id: str


def _account(offer: Offer, person: OnBehalfOf | None, report: Report | None) -> _Account | str:
    """The account that the session would use, or why it cannot use any."""
    binding, name = offer.binding, offer.binding.metadata.name
    connection, account = binding.spec.connection, binding.status.account
    if not connection.from_session:
        return _Account(connection, account.id) if account is not None else f"{name} is not Ready: {_why(offer)}"
    if person is None:
        return f"{name} uses the connection of the person that a session acts for, so it needs spec.onBehalfOf"
    theirs = reports.persons(connection, person)
    if theirs is None:
        return f"{name} is for another organization than spec.onBehalfOf.organizationId"
    if report is None:
        return f"{name}: Pipes has not been asked yet about the connection of {person.user_id}"
    report = reports.checked(theirs, report)
    if report.word is not Word.CONNECTED or report.account is None:
        return f"{name}: {person.user_id} has no connection that can be used: {report.message or report.word.value}"
    return _Account(theirs, report.account.id)


def _why(offer: Offer) -> str:
    conditions = offer.binding.status.conditions
    wrong = [each for each in conditions if each.status != "True" and each.reason != Word.FROM_SESSION]
    told = [each.message for kind in ("Connected", "Ready") for each in wrong if each.type == kind]
    return next((message for message in told if message), "see its conditions")


def _granted(
    wanted: RequestedBinding, offer: Offer, account: _Account, problems: list[str], cuts: list[str]
) -> GrantedBinding | None:
    binding = offer.binding
    access = wanted.access.at_most(binding.spec.limits.max_access)
    if access is not wanted.access:
        cuts.append(f"{wanted.name}: {wanted.access} cut to {access}")
    exact: tuple[GrantedCall, ...] = ()
    if wanted.calls is None:
        tools = _tools(wanted, offer, access, problems, cuts)
    else:
        exact, wrong = _exact(wanted.calls, offer, access)
        problems += [f"{wanted.name}: {each}" for each in wrong]
        tools = [] if wrong else sorted({each.tool for each in exact})
    if not tools:
        return None
    return GrantedBinding(
        name=wanted.name,
        uid=binding.metadata.uid,
        provider=binding.spec.provider,
        catalog=offer.catalog,
        connection=account.connection,
        account=account.id,
        access=access,
        tools={name: offer.tools[name].hash for name in tools},
        hosts=offer.hosts,
        endpoint=binding.spec.endpoint or {},
        credential=binding.spec.credential,
        restrict={name: offer.restrict[name] for name in tools if name in offer.restrict},
        calls=exact,
        limits={name: offer.limits[name] for name in tools if name in offer.limits},
    )


def _tools(wanted: RequestedBinding, offer: Offer, access: Access, problems: list[str], cuts: list[str]) -> list[str]:
    """Advertised names; none, with a problem, where nothing can be granted."""
    chosen, unknown = _named(wanted.tools, offer)
    if unknown:
        problems.append(f"{wanted.name} has no tool {', '.join(unknown)}")
        return []
    tools = [name for name in chosen if _usable(name, access, offer)]
    if wanted.tools is not None and len(tools) < len(chosen):
        without = ", ".join(name for name in chosen if name not in tools)
        cuts.append(f"{wanted.name}: left out {without}, since {access} is all that is granted")
    if not tools:
        problems.append(f"{wanted.name} has no tool that {access} access allows")
    return tools


def _exact(asked: Iterable[ExactCall], offer: Offer, access: Access) -> tuple[tuple[GrantedCall, ...], list[str]]:
    """The calls under advertised names, and what keeps any of them from being approved."""
    found: list[GrantedCall] = []
    wrong: list[str] = []
    for index, each in enumerate(asked):
        (name,) = _named([each.tool], offer)[0] or [""]
        if not name:
            wrong.append(f"calls[{index}]: there is no tool {each.tool}")
        elif not _usable(name, access, offer):
            wrong.append(f"calls[{index}]: {name} needs Write access, and {access} is all that is granted")
        elif problem := calls.problem(each.arguments, offer.tools[name].input_schema, offer.restrict.get(name)):
            wrong.append(f"calls[{index}]: {problem}")
        elif (call := GrantedCall(tool=name, arguments=each.arguments)) in found:
            wrong.append(f"calls[{index}] repeats calls[{found.index(call)}]: each is made once")
        else:
            found.append(call)
    return tuple(found), wrong


def _left(
    granted: GrantedBinding, access: Access | None, tools: Iterable[str] | None, offers: Mapping[str, Offer]
) -> GrantedBinding | None:
    offer = offers.get(granted.name)
    if offer is None:
        return None
    allowed = granted.access if access is None else access.at_most(granted.access)
    chosen = set(granted.tools) if tools is None else set(_named(tools, offer)[0])
    kept = {name: each for name, each in granted.tools.items() if name in chosen and _usable(name, allowed, offer)}
    if not kept:
        return None
    return msgspec.structs.replace(
        granted,
        access=allowed,
        tools=kept,
        restrict={name: each for name, each in granted.restrict.items() if name in kept},
        calls=tuple(each for each in granted.calls if each.tool in kept),
        limits={name: each for name, each in granted.limits.items() if name in kept},
    )


def _named(names: Iterable[str] | None, offer: Offer) -> tuple[list[str], list[str]]:
    """Advertised names of the tools meant, in a fixed order, and the names that mean none."""
    if names is None:
        return sorted(offer.tools), []
    by_catalog = {definition.name: name for name, definition in offer.tools.items()}
    found = {name: name if name in offer.tools else by_catalog.get(name) for name in names}
    return sorted({name for name in found.values() if name}), sorted(name for name, known in found.items() if not known)


def _usable(name: str, access: Access, offer: Offer) -> bool:
    definition = offer.tools.get(name)
    return definition is not None and (access is Access.WRITE or definition.access is not ToolAccess.WRITE)
