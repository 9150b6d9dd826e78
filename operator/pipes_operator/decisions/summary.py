"""The grant in plain sentences, for the person who decides: who, what, in whose name, how much, how long."""

from collections.abc import Iterable, Iterator, Mapping

from pipes_api import durations
from pipes_api.grant import Grant, GrantedBinding
from pipes_api.resources import Access, AgentSession, BoundPod, ConnectedAccount, OnBehalfOf
from pipes_catalog.definition import ToolAccess, ToolDefinition

from . import wording
from .endings import asked_by_agent
from .facts import Offer
from .reports import Report
from .texts import clean, escaped

_TOOLS_NAMED = 20
_LONGEST = 1500
"""Characters of a sentence. Exact calls and restrictions are never cut: what is approved is shown whole."""


def summary(
    session: AgentSession,
    grant: Grant,
    offers: Mapping[str, Offer],
    people: Mapping[str, Report],
    pod: BoundPod | None,
    cuts: Iterable[str],
) -> tuple[str, ...]:
    """Sentences that say all of the grant; what a ceiling has cut off comes last."""
    lines = [clean(_who(session, pod), _LONGEST)]
    if grant.on_behalf_of is not None:
        lines.append(_person(grant.on_behalf_of))
    for each in grant.bindings:
        lines += _binding(each, offers.get(each.name), people.get(each.name))
    lines.append(f"For {durations.render(grant.duration)}, counted from activation. {_limits(grant)}".rstrip())
    lines += [clean(f"Cut to a ceiling: {cut}.", _LONGEST) for cut in cuts]
    return tuple(lines)


def _who(session: AgentSession, pod: BoundPod | None) -> str:
    agent = session.spec.agent
    if agent.shared:
        whom = "every pod"
    elif pod is not None:
        whom = f"pod {pod.name}" + (f" (image {pod.image})" if pod.image else "")
    elif agent.pod_uid is not None:
        whom = f"the pod with UID {agent.pod_uid}"
    else:
        whom = "the first pod to claim it"
    asked = "its own request" if asked_by_agent(session) else f"asked for by {session.spec.requested_by}"
    reason = _in_quotes(session.spec.reason, _LONGEST)
    return f"For {whom} of ServiceAccount {agent.service_account_name}, {asked}: {reason}"


def _in_quotes(text: str, limit: int = 200) -> str:
    """Somebody else's words, which do not end before the quotes do: what follows would pass for the operator's."""
    return '"' + clean(text, limit).replace('"', "'") + '"'


def _person(person: OnBehalfOf) -> str:
    where = f" of the organization {person.organization_id}" if person.organization_id is not None else ""
    return f"In the name of the user {person.user_id}{where}: approving it takes the right to speak for that person."


def _binding(granted: GrantedBinding, offer: Offer | None, report: Report | None) -> Iterator[str]:
    account = _account(granted, offer, report)
    shown = _in_quotes(account.display_name or account.id if account is not None else granted.account)
    of = f" of {granted.connection.user_id}" if granted.connection.from_session else ""
    where = f"{granted.name} ({granted.provider}, account {shown}{of})"
    if granted.calls:
        many = len(granted.calls) > 1
        made = f"these {len(granted.calls)} calls, each once" if many else "this one call, once"
        yield clean(f"At {where} exactly {made}:", _LONGEST)
        yield from (f"{number}. {each.tool} {escaped(each.arguments)}" for number, each in enumerate(granted.calls, 1))
    else:
        yield clean(_tools(granted, offer, where), _LONGEST)
        yield from _unproven(granted, offer)
    takes = {name: tool.input_schema for name, tool in offer.tools.items()} if offer is not None else {}
    for tool, schema in sorted(granted.restrict.items()):
        yield wording.restriction(tool, schema, takes.get(tool, {}))
    for tool, ceilings in sorted(granted.limits.items()):
        yield wording.limits(tool, ceilings)
    missing = _missing(granted, offer, report)
    if missing:
        yield clean(f"{granted.name} lacks the scopes {', '.join(missing)}: tools that need them will fail.", _LONGEST)


def _account(granted: GrantedBinding, offer: Offer | None, report: Report | None) -> ConnectedAccount | None:
    if granted.connection.from_session:
        return report.account if report is not None else None
    return offer.binding.status.account if offer is not None else None


def _tools(granted: GrantedBinding, offer: Offer | None, where: str) -> str:
    verb = "Read from and write to" if granted.access is Access.WRITE else "Only read from"
    tools = sorted(granted.tools)
    listed = ", ".join(tools[:_TOOLS_NAMED])
    if len(tools) > _TOOLS_NAMED:
        listed += f" and {len(tools) - _TOOLS_NAMED} more (status.grant has all)"
    sentence = f"{verb} {where} with: {listed}."
    if granted.access is Access.WRITE:
        sentence += " Write means that data there can be created, changed and deleted."
    elif any(tool.access is ToolAccess.JUDGED and not _prefixes(tool) for _, tool in _offered(granted, offer)):
        sentence += " Statements are judged one by one; what is not proven to be a read is refused."
    return sentence


def _unproven(granted: GrantedBinding, offer: Offer | None) -> Iterator[str]:
    """Nobody proves that a free request only reads: the binding says so, and who decides must know of which."""
    for name, tool in _offered(granted, offer):
        if granted.access is Access.READ and (prefixes := _prefixes(tool)):
            under = " or ".join(prefixes)
            yield f"Of {name} only GET and HEAD under {under} pass, which the binding says only read."


def _prefixes(tool: ToolDefinition) -> tuple[str, ...]:
    return tool.exchange.open.read_prefixes if tool.exchange is not None and tool.exchange.open is not None else ()


def _offered(granted: GrantedBinding, offer: Offer | None) -> Iterator[tuple[str, ToolDefinition]]:
    tools = offer.tools if offer is not None else {}
    return ((name, tools[name]) for name in sorted(tools.keys() & granted.tools.keys()))


def _missing(granted: GrantedBinding, offer: Offer | None, report: Report | None) -> list[str]:
    """Scopes that granted tools need and the connection lacks."""
    if offer is None:
        return []
    status = offer.binding.status
    if granted.connection.from_session:
        has = report.scopes if report is not None else None
    else:
        # An account without scopes (an API key) has none granted and none missing.
        has = status.granted_scopes if status.granted_scopes or status.missing_scopes else None
    if has is None:
        return []
    return sorted({scope for name in granted.tools if name in offer.tools for scope in offer.tools[name].lacking(has)})


def _limits(grant: Grant) -> str:
    limits, parts = grant.limits, []
    if limits.max_calls is not None:
        parts.append(f"at most {limits.max_calls} call{'s' if limits.max_calls != 1 else ''}")
    if limits.max_writes is not None:
        parts.append(f"at most {limits.max_writes} write{'s' if limits.max_writes != 1 else ''}")
    if parts:
        return f"{' and '.join(parts).capitalize()}."
    return "" if all(each.calls for each in grant.bindings) else "The number of calls is not limited."
