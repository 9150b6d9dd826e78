"""The exchange with a provider, as data: where it is, what is sent, how answers are read.

These types are the catalog format. Values named *template* are JSON in which
text may hold references such as `{statement}` or `{database|identifier}`; see
`docs/catalogs.md` and `references.py`.
"""

from enum import StrEnum
from typing import Any, Literal

import msgspec

from pipes_api.resources import Value


class Part(Value, forbid_unknown_fields=True):
    """Base of everything a tool definition holds: what a reader does not know, it refuses."""


class HostForm(StrEnum):
    """What a host value may look like. Nothing else is ever put into a URL's authority."""

    LABELS = "labels"
    """DNS labels joined by dots: `acme-eu1`, `xy12345.eu-central-1.aws`."""
    ORIGIN = "origin"
    """A whole `https://host`, of which the host is taken: `https://acme.my.salesforce.com`."""


class HostValue(Part):
    """One value of the base URL. `sources` are tried in order: `config.`, `metadata.` (both of Pipes), `endpoint.`."""

    sources: tuple[str, ...]
    form: HostForm = HostForm.LABELS
    replace: dict[str, str] = msgspec.field(default_factory=dict)
    """Normalisation, character by character: `{"_": "-"}`."""


class Endpoint(Part):
    """Where the provider is: `hosts` are whole-label patterns, `url` is `https://` and a host made of `values`."""

    hosts: tuple[str, ...]
    url: str
    values: dict[str, HostValue] = msgspec.field(default_factory=dict)


class Credential(Part):
    """Headers that carry the credential, and those that depend on how the account is authenticated.

    `{credential}` in a header is the vended value. `by_method` is keyed by Pipes' `auth_method`
    (`oauth`, `api_key`, `client_credentials`); a method it does not name is not supported, unless it is empty.
    """

    headers: dict[str, str] = msgspec.field(default_factory=lambda: {"Authorization": "Bearer {credential}"})
    by_method: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)


class Condition(Part):
    """True when the value at `value` equals, is one of, begins with or is present as said; all that are given."""

    value: str
    equals: Any = msgspec.UNSET
    one_of: tuple[Any, ...] | msgspec.UnsetType = msgspec.UNSET
    starts_with: str | msgspec.UnsetType = msgspec.UNSET
    present: bool | msgspec.UnsetType = msgspec.UNSET


class BodyPart(Part):
    """One part of a `multipart/related` body: JSON, text, or bytes given as base64. `content_type` is a template."""

    content_type: str
    json: Any = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    base64: str | msgspec.UnsetType = msgspec.UNSET


class Body(Part):
    """Exactly one of its forms."""

    json: Any = msgspec.UNSET
    form: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    related: tuple[tuple[BodyPart, ...], ...] | msgspec.UnsetType = msgspec.UNSET
    """`multipart/related` (RFC 2387): one or more alternatives; the first whose references are all present is sent."""


class Request(Part):
    """One HTTP request. Every reference is encoded for where it lands; what is absent is left out.

    `repeat` says whether sending twice does no more than sending once; `None` means: if the method is GET.
    `repeat_query` is added to a repetition.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    query: dict[str, Any] = msgspec.field(default_factory=dict)
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: Body | None = None
    repeat: bool | None = None
    repeat_query: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def repeatable(self) -> bool:
        return self.repeat if self.repeat is not None else self.method == "GET"


class Backoff(Part):
    """Pauses between polls, in seconds."""

    first: float = 0.5
    factor: float = 2.0
    longest: float = 5.0


class Job(Part):
    """Work that goes on after the first answer: poll until it is done, cancel when nobody waits any more.

    `running` statuses mean "not yet", in the first answer and in polls; `handle` is where the first answer names the
    job (`{job.handle}` in `poll` and `cancel`).
    """

    running: tuple[int, ...]
    handle: str
    poll: Request
    cancel: Request | None = None
    pause: Backoff = Backoff()


class Paging(Part):
    """How to get the next page. Exactly one of `next` and `parts`.

    `next` is where an answer names the following page: a cursor, or with `after` a URL or path that must begin so, of
    which the rest, decoded, is the cursor. A URL must be of the same host. `parts` is a list in the first answer with
    an entry for each part, the first being part 0. `{page.cursor}` and `{page.index}` can be used in `request`, or in
    `query` and `body`, which are merged into the first request.
    """

    next: str = ""
    after: str = ""
    parts: str = ""
    request: Request | None = None
    query: dict[str, Any] = msgspec.field(default_factory=dict)
    body: dict[str, Any] = msgspec.field(default_factory=dict)


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
    """Text as text, everything else whole and base64, by the answer's content type."""
    NONE = "none"
    """There is nothing to read; `say` is the result."""


class Result(Part):
    """What of the answer the caller gets.

    `items` is where rows are; `also` are members of the first answer to keep beside them; `keep` and `drop` name
    members of each record (`keep`: top level; `drop`: at every level). `decode` is the name of a cell format.
    `rows` is a reference to how many rows the caller wants, at most `max_rows`. `offset` is a reference to where in a
    text to begin. `more` tells how to get what was left out.
    """

    kind: ResultKind = ResultKind.OBJECT
    items: str = ""
    also: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    decode: str = ""
    rows: str = ""
    max_rows: int = 1_000
    max_bytes: int = 200_000
    max_file_bytes: int = 1_000_000
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
    """The first rule that fits an answer gives its kind, and a sentence to add. Empty lists fit everything."""

    kind: FailureKind
    statuses: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()
    say: str = ""


class Errors(Part):
    """Where a provider's error answer says what is wrong: paths, the first that leads to text is used.

    `failed` recognises errors inside an answer of status 200.
    """

    message: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    failed: Condition | None = None
    rules: tuple[FailureRule, ...] = ()


class Case(Part):
    """One of several ways to serve a tool: the first whose condition holds. `say` refuses with a sentence."""

    when: Condition | None = None
    request: Request | None = None
    paging: Paging | None = None
    result: Result | None = None
    say: str = ""


class Exchange(Part):
    """All that is needed to execute a tool, so that the executing process needs no catalog of its own.

    `lookup` is sent first, if given; its answer is at `{lookup.…}`. Then `request`, or the fitting one of `cases`.
    """

    title: str
    endpoint: Endpoint
    credential: Credential = Credential()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    errors: Errors = Errors()
    lookup: Request | None = None
    request: Request | None = None
    cases: tuple[Case, ...] = ()
    job: Job | None = None
    paging: Paging | None = None
    result: Result = Result()
