"""Texts for people. Nothing in them comes unchecked from an agent or a provider."""

import json
import unicodedata

from pipes_api import names
from pipes_api.grant import Grant
from pipes_api.resources import Access, AgentSession, Limits, Usage

_UNSAFE = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")


def clean(text: str, limit: int = 200) -> str:
    """`text` without characters that change how a terminal shows it (CVE-2021-25743), and not longer than `limit`."""
    safe = "".join("\N{REPLACEMENT CHARACTER}" if _fools_the_eye(each) else each for each in text)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def escaped(json_text: str) -> str:
    """JSON text with such characters as JSON's own escapes: all of it can be seen, and it still means the same."""
    return "".join(json.dumps(each)[1:-1] if _fools_the_eye(each) else each for each in json_text)


def _fools_the_eye(character: str) -> bool:
    return (
        unicodedata.category(character) in _UNSAFE
        or character in _INVISIBLE
        or "\u180b" <= character <= "\u180f"
        or "\ufe00" <= character <= "\ufe0d"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def approve_with(session: AgentSession, grant_hash: str, *, stamping: bool) -> str:
    """The manifest that approves exactly what the hash stands for, to be applied server-side.

    Under a field manager of its own: whoever applied the request under kubectl's default one would otherwise be taking
    its spec back with the same command (Kubernetes, Server-Side Apply: fields that a manager no longer names go).
    """
    metadata = session.metadata
    binding = session.spec.bindings[0].name
    by = [] if stamping else ["    by: WRITE-YOUR-USER-NAME  # kubectl auth whoami shows it"]
    lines = [
        "# kubectl apply --server-side --field-manager=approver -f -",
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
        "    # duration: 1m",
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
