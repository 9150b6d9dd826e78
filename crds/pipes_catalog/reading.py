"""How a provider's answers are read: what of them is the result, and what they say is wrong."""

from enum import StrEnum
from typing import Annotated

import msgspec

from .part import Condition, Part


class Note(Part):
    """A sentence added to the result when the condition holds for the answer."""

    when: Condition
    say: str


class ResultKind(StrEnum):
    ROWS = "rows"
    """A list of records or cells, cut between rows."""
    OBJECT = "object"
    TEXT = "text"
    FILE = "file"
    """Text as text, everything else whole: an image, a sound, or a resource; by content type, name and content."""
    NONE = "none"
    """There is nothing to read; `say` is the result."""


class Decoding(StrEnum):
    """What a value within an answer may be."""

    BASE64 = "base64"
    """Text in base64 or base64url (RFC 4648); what is no text is told by its size."""
    MESSAGE = "message"
    """A message (RFC 5322) in base64 or base64url, or as a tree of MIME parts: `{headers, mimeType, body, parts}`."""
    PAIRS = "pairs"
    """A list of `{name, value}`: an object."""


class Decode(Part):
    """The value `at` that path of a record is decoded, and stays there or goes `into` another member."""

    at: str
    as_: Decoding = msgspec.field(name="as")
    into: str = ""


class Content(Part):
    """A file within a JSON answer, of the result kind `file`: its bytes `at` that path, in base64 of either alphabet.

    `type` and `name` are templates that tell its media type and name, from arguments and `{answer.…}`. Without `at`
    the answer itself is the file, and they add to what its header says. `plain`: what is there is text, not base64.
    """

    at: str = ""
    plain: bool = False
    type: str = ""
    name: str = ""


class Result(Part):
    """What of the answer the caller gets.

    `items` is where rows are; `also` are members of the first answer to keep beside them; `keep` and `drop` name
    members of each record (`keep`: paths, through lists; `drop`: names, at every level). `cells` is the name of a cell
    format. `decode` is done before. Texts longer than `max_text` characters are shortened, if it is given.
    `rows` is a reference to how many rows the caller wants, at most `max_rows`. `offset` is a reference to where in a
    text to begin. `more` tells how to get what was left out.
    """

    kind: ResultKind = ResultKind.OBJECT
    items: str = ""
    also: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    cells: str = ""
    decode: tuple[Decode, ...] = ()
    content: Content | None = None
    rows: str = ""
    max_rows: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1_000
    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 200_000
    max_text: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_file_bytes: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 1_000_000
    offset: str = ""
    more: str = ""
    say: str = ""
    notes: tuple[Note, ...] = ()


class FailureKind(StrEnum):
    UNAUTHORIZED = "Unauthorized"
    SCOPE_MISSING = "ScopeMissing"
    FORBIDDEN = "Forbidden"
    NOT_VISIBLE = "NotVisible"
    RATE_LIMITED = "RateLimited"
    TIMED_OUT = "TimedOut"
    INVALID = "Invalid"
    UNAVAILABLE = "Unavailable"


class FailureRule(Part):
    """The first rule that fits an answer gives its kind, and a sentence to add. What is empty fits everything.

    `headers` must be there with that text; `*` is any. `lacks_scope` fits when the headers of `errors.scope` say that
    the credential has none of the scopes that are accepted here.
    """

    kind: FailureKind
    statuses: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    lacks_scope: bool = False
    say: str = ""


class ScopeTold(Part):
    """Where a refusal names the scope that is missing: paths into the answer (text or lists), names of headers.

    `granted` is the header that lists what the credential has; what is accepted is then in the first of `headers`.
    """

    at: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    granted: str = ""


class Partial(Part):
    """An answer that is both: with something at `data` it is a result, and each entry of `errors` becomes a note.

    `at` and `message` are paths into an entry: what it is about (text, or a list to be joined), and what is wrong.
    """

    data: str
    errors: str
    at: str = "path"
    message: str = "message"


class Errors(Part):
    """Where a provider's error answer says what is wrong: paths, the first that leads to text is used.

    `failed` recognises errors inside an answer of success, `partial` those beside a result. `reset` are headers that
    tell when a rate limit ends: seconds, or a moment since 1970 in seconds or milliseconds. `Retry-After` comes first.
    """

    message: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    failed: Condition | None = None
    partial: Partial | None = None
    scope: ScopeTold = ScopeTold()
    reset: tuple[str, ...] = ()
    rules: tuple[FailureRule, ...] = ()
