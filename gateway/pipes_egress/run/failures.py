"""What a provider's refusal means, in a sentence an agent can act on."""

from dataclasses import dataclass
from typing import Any

from pipes_catalog.exchange import Errors, Exchange, FailureKind, FailureRule

from ..mapping.scope import ABSENT, follow, holds
from ..transport.answers import Answer, AnswerUnreadable
from ..transport.retry_after import retry_after

LONGEST_MESSAGE = 600

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
    kind: FailureKind
    sentence: str
    retry_after: float | None = None


def failure_of(exchange: Exchange, answer: Answer) -> Failure | None:
    """What is wrong with the answer; None when it is a success, by status and by content."""
    errors = exchange.errors
    if 300 <= answer.status < 400 and answer.status != 304:
        # Where to is not said: a redirect may carry a secret, and is not followed with a credential.
        return Failure(FailureKind.INVALID, f"{exchange.title} answered with a redirect, which is not followed")
    if answer.status < 300 and errors.failed is None:
        return None  # without reading it twice
    document = _document(answer)
    if answer.status < 300 and not (errors.failed and holds(errors.failed, follow(document, errors.failed.value))):
        return None
    code, message = _first_text(document, errors.code), _first_text(document, errors.message)
    rule = _rule(errors, answer.status, code)
    kind = rule.kind if rule is not None else _kind(answer.status)
    sentence = _SENTENCES[kind].format(title=exchange.title)
    detail = f"status {answer.status}" + (f", code {code}" if code else "")
    sentence += f" ({detail})" + (f": {message}" if message else "")
    if rule is not None and rule.say:
        sentence = f"{sentence.rstrip('.')}. {rule.say}"
    return Failure(kind, sentence, retry_after(answer.headers))


def _kind(status: int) -> FailureKind:
    return _KINDS.get(status) or (FailureKind.UNAVAILABLE if status >= 500 else FailureKind.INVALID)


def _rule(errors: Errors, status: int, code: str) -> FailureRule | None:
    for rule in errors.rules:
        if (not rule.statuses or status in rule.statuses) and (not rule.codes or code in rule.codes):
            return rule
    return None


def _document(answer: Answer) -> Any:
    try:
        return answer.json()
    except AnswerUnreadable:
        return None


def _first_text(document: Any, paths: tuple[str, ...]) -> str:
    for path in paths:
        value = follow(document, path)
        if value is not ABSENT and value is not None and not isinstance(value, dict | list):
            text = "".join(character if character.isprintable() else " " for character in str(value))
            return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"
    return ""
