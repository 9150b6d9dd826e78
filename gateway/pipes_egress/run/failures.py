"""What a provider's refusal means, in a sentence an agent can act on."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipes_catalog.exchange import Errors, Exchange, FailureKind, FailureRule, Partial, ScopeTold

from ..mapping.scope import ABSENT, follow, holds
from ..transport.answers import Answer, AnswerUnreadable
from ..transport.retry_after import retry_after

LONGEST_MESSAGE = 600
MOST_NOTES = 5
"""Errors beside a result that are told one by one."""

_CHALLENGED = re.compile(r'[\s,]scope="([^"]{1,2000})"')
"""In a challenge (RFC 6750 section 3), the scopes of which one is needed."""

_KINDS = {
    401: FailureKind.UNAUTHORIZED,
    403: FailureKind.FORBIDDEN,
    404: FailureKind.NOT_VISIBLE,
    408: FailureKind.TIMED_OUT,
    429: FailureKind.RATE_LIMITED,
}

_SENTENCES = {
    FailureKind.UNAUTHORIZED: "{title} does not accept the connection's credential",
    FailureKind.SCOPE_MISSING: "the {title} connection lacks a scope for this",
    FailureKind.FORBIDDEN: "the connected {title} account is not allowed to do this",
    FailureKind.NOT_VISIBLE: "not found in {title}, or not visible to this connection",
    FailureKind.RATE_LIMITED: "{title} asks to slow down",
    FailureKind.TIMED_OUT: "{title} gave up because of a time limit",
    FailureKind.INVALID: "{title} refused it",
    FailureKind.UNAVAILABLE: "{title} is out of order",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """`scope` is the scope that is missing, as the provider names it."""

    kind: FailureKind
    sentence: str
    retry_after: float | None = None
    scope: str = ""


def failure_of(exchange: Exchange, answer: Answer) -> Failure | None:
    """What is wrong with the answer; None when it is a success, by status and by content."""
    errors = exchange.errors
    if 300 <= answer.status < 400 and answer.status != 304:
        # Where to is not said: a redirect may carry a secret, and is not followed with a credential.
        return Failure(FailureKind.INVALID, f"{exchange.title} answered with a redirect, which is not followed")
    if answer.status < 300:
        if errors.failed is None:
            return None
        document = _document(answer)
        if not holds(errors.failed, follow(document, errors.failed.value)) or _has_data(errors.partial, document):
            return None
    else:
        document = _document(answer)
    code, message = _first_text(document, errors.code), _first_text(document, errors.message)
    rule = next((each for each in errors.rules if _fits(each, errors.scope, answer, code)), None)
    kind = rule.kind if rule is not None else _kind(answer.status)
    scope = _scope(errors.scope, answer, document) if kind is FailureKind.SCOPE_MISSING else ""
    sentence = _SENTENCES[kind].format(title=exchange.title)
    detail = f"status {answer.status}" + (f", code {code}" if code else "")
    sentence += f" ({detail})" + (f": {message}" if message else "")
    if rule is not None and rule.say:
        sentence = f"{sentence.rstrip('.')}. {rule.say}"
    return Failure(kind, sentence, retry_after(answer.headers, errors.reset), scope)


def partial_notes(errors: Errors, document: Any) -> Iterator[str]:
    """Of an answer that holds both, what could not be had."""
    partial = errors.partial
    if partial is None or errors.failed is None or not holds(errors.failed, follow(document, errors.failed.value)):
        return
    entries = follow(document, partial.errors)
    entries = entries if isinstance(entries, list) else []
    for entry in entries[:MOST_NOTES]:
        about, message = follow(entry, partial.at), _first_text(entry, (partial.message,))
        place = ".".join(map(str, about)) if isinstance(about, list) else about if isinstance(about, str) else ""
        told = ": ".join(each for each in (_plain(place), message.rstrip(". ")) if each)
        yield f"Not everything could be had: {told}."
    if len(entries) > MOST_NOTES:
        yield f"There were {len(entries) - MOST_NOTES:,} more such errors."


def _has_data(partial: Partial | None, document: Any) -> bool:
    value = follow(document, partial.data) if partial is not None else ABSENT
    if isinstance(value, dict):
        return any(member is not None for member in value.values())
    return value is not ABSENT and value is not None and value != []


def _kind(status: int) -> FailureKind:
    return _KINDS.get(status) or (FailureKind.UNAVAILABLE if status >= 500 else FailureKind.INVALID)


def _fits(rule: FailureRule, told: ScopeTold, answer: Answer, code: str) -> bool:
    return (
        (not rule.statuses or answer.status in rule.statuses)
        and (not rule.codes or code in rule.codes)
        and all(_has_header(answer, name, text) for name, text in rule.headers.items())
        and (not rule.lacks_scope or _lacks_scope(told, answer))
    )


def _has_header(answer: Answer, name: str, text: str) -> bool:
    value = answer.headers.get(name)
    return value is not None and (text == "*" or value.strip() == text)


def _lacks_scope(told: ScopeTold, answer: Answer) -> bool:
    """Whether headers say so; silence is no answer."""
    if not told.headers or not told.granted or told.granted not in answer.headers:
        return False
    accepted = _words(answer.headers.get(told.headers[0], ""))
    return bool(accepted) and not accepted & _words(answer.headers[told.granted])


def _words(text: str) -> set[str]:
    return set(text.replace(",", " ").split())


def _scope(told: ScopeTold, answer: Answer, document: Any) -> str:
    """The missing scope, as the provider names it; of several, all."""
    for path in told.at:
        value = follow(document, path)
        text = ", ".join(str(each) for each in value) if isinstance(value, list) else value
        if isinstance(text, str) and text.strip():
            return _plain(text)
    for name in told.headers:
        text = answer.headers.get(name, "")
        challenged = _CHALLENGED.search(text)
        text = challenged[1] if challenged else text
        if text.strip():
            return _plain(text)
    return ""


def _document(answer: Answer) -> Any:
    try:
        return answer.json()
    except AnswerUnreadable:
        return None


def _first_text(document: Any, paths: tuple[str, ...]) -> str:
    for path in paths:
        value = follow(document, path)
        if isinstance(value, dict):
            # What is wrong with each field, by its name.
            value = "; ".join(f"{name}: {said}" for name, said in value.items() if isinstance(said, str)) or None
        if value is not ABSENT and value is not None and not isinstance(value, list):
            return _plain(str(value))
    return ""


def _plain(text: str) -> str:
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"
