"""Sentences and manifests for people. Nothing in them comes unchecked from an agent or a provider."""

import unicodedata
from collections.abc import Iterable, Mapping

from pipes_api import durations, names
from pipes_api.grant import Grant, GrantedBinding
from pipes_api.resources import Access, AgentSession, BoundPod, Limits, Usage
from pipes_catalog.definition import ToolAccess

from .endings import asked_by_agent
from .facts import Offer

_TOOLS_NAMED = 20
_UNSAFE = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})


def clean(text: str, limit: int = 200) -> str:
    """`text` without characters that change how a terminal shows it (CVE-2021-25743), and not longer than `limit`."""
    safe = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(each) in _UNSAFE else each for each in text)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def summary(
    session: AgentSession, grant: Grant, offers: Mapping[str, Offer], pod: BoundPod | None, cuts: Iterable[str]
) -> tuple[str, ...]:
    """The grant in plain sentences, for the person who decides."""
    lines = [_who(session, pod), *(_binding(each, offers.get(each.name)) for each in grant.bindings)]
    lines.append(f"For {durations.render(grant.duration)}, counted from activation. {_limits(grant.limits)}")
    lines.extend(f"Cut to a ceiling: {cut}." for cut in cuts)
    return tuple(clean(line, 1500) for line in lines)


def approve_with(session: AgentSession, grant_hash: str, *, stamping: bool) -> str:
    """The manifest that approves exactly what the hash stands for, to be applied server-side."""
    metadata = session.metadata
    binding = session.spec.bindings[0].name
    by = [] if stamping else ["    by: WRITE-YOUR-USER-NAME  # kubectl auth whoami shows it"]
    lines = [
        "# kubectl apply --server-side -f -",
        f"apiVersion: {names.API_VERSION}",
        "kind: AgentSession",
        "metadata:",
        f"  name: {metadata.name}",
        f"  namespace: {metadata.namespace}",
        f"  uid: {metadata.uid}",
        "spec:",
        "  approval:",
        "    decision: Approved  # or Denied",
        *by,
        f"    grantHash: {grant_hash}",
        "    # To allow less, take the # away from what you need; a binding left out is not granted:",
        "    # duration: 15m",
        f"    # bindings: [{{name: {binding}, access: Read}}]",
        "    # limits: {maxCalls: 100}",
        "    # note: a word to the agent",
    ]
    return "\n".join(lines) + "\n"


def providers(session: AgentSession, grant: Grant | None) -> str:
    """For the column of that name."""
    known = [each.provider for each in grant.bindings] if grant is not None else []
    return ",".join(dict.fromkeys(known or [each.name for each in session.spec.bindings]))


def access(session: AgentSession, grant: Grant | None) -> str:
    """For the column of that name: the most that any binding allows."""
    bindings = grant.bindings if grant is not None else session.spec.bindings
    return str(Access.WRITE if any(each.access is Access.WRITE for each in bindings) else Access.READ)


def calls(usage: Usage, limits: Limits) -> str:
    """For the column of that name: `3`, or `3/10` with a budget."""
    return str(usage.calls) if limits.max_calls is None else f"{usage.calls}/{limits.max_calls}"


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
    return f'For {whom} of ServiceAccount {agent.service_account_name}, {asked}: "{session.spec.reason}"'


def _binding(granted: GrantedBinding, offer: Offer | None) -> str:
    account = offer.binding.status.account if offer is not None else None
    shown = clean(account.display_name or account.id) if account is not None else granted.account
    verb = "Read from and write to" if granted.access is Access.WRITE else "Only read from"
    tools = sorted(granted.tools)
    listed = ", ".join(tools[:_TOOLS_NAMED])
    if len(tools) > _TOOLS_NAMED:
        listed += f" and {len(tools) - _TOOLS_NAMED} more (status.grant has all)"
    sentence = f'{verb} {granted.name} ({granted.provider}, account "{shown}") with: {listed}.'
    judged = offer is not None and any(
        name in granted.tools and each.access is ToolAccess.JUDGED for name, each in offer.tools.items()
    )
    if judged and granted.access is Access.READ:
        sentence += " Statements are judged one by one; what is not proven to be a read is refused."
    elif granted.access is Access.WRITE:
        sentence += " Write means that data there can be created, changed and deleted."
    return sentence


def _limits(limits: Limits) -> str:
    parts = []
    if limits.max_calls is not None:
        parts.append(f"at most {limits.max_calls} calls")
    if limits.max_writes is not None:
        parts.append(f"at most {limits.max_writes} writes")
    return f"{' and '.join(parts).capitalize()}." if parts else "The number of calls is not limited."
