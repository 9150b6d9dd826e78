"""What is sent to a provider: requests, their bodies, the requests of further pages, jobs."""

from typing import Annotated, Any, Literal

import msgspec

from .part import Condition, Part


class BodyPart(Part):
    """One part of a `multipart/related` body: JSON, text, or bytes given as base64. `content_type` is a template."""

    content_type: str
    json: Any = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    base64: str | msgspec.UnsetType = msgspec.UNSET


class Graphql(Part):
    """A GraphQL request. `document` is sent as it is: braces in it are no references. `variables` is a template.

    `operation` is the name that the document gives its operation, if the provider wants to be told.
    """

    document: str
    variables: dict[str, Any] = msgspec.field(default_factory=dict)
    operation: str = ""


class Body(Part):
    """Exactly one of its forms."""

    json: Any = msgspec.UNSET
    graphql: Graphql | msgspec.UnsetType = msgspec.UNSET
    form: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    related: tuple[tuple[BodyPart, ...], ...] | msgspec.UnsetType = msgspec.UNSET
    """`multipart/related` (RFC 2387): one or more alternatives; the first whose references are all present is sent."""


class Request(Part):
    """One HTTP request. Every reference is encoded for where it lands; what is absent is left out.

    `repeat` says whether sending twice does no more than sending once; `None` means: if the method is GET, or the
    call only reads. `repeat_query` is added to a repetition. `redirect: download` lets a `GET` be answered with one
    redirect to content: to a host of `endpoint.downloadHosts`, without the credential. Every other redirect is refused.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    query: dict[str, Any] = msgspec.field(default_factory=dict)
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: Body | None = None
    repeat: bool | None = None
    repeat_query: dict[str, Any] = msgspec.field(default_factory=dict)
    redirect: Literal["", "download"] = ""

    def repeatable(self, reads: bool = False) -> bool:
        """Whether sending it twice does no more than once; `reads`: it is part of a call that only reads."""
        return self.repeat if self.repeat is not None else reads or self.method == "GET"


class Open(Part):
    """Requests that the caller writes: `method`, `path`, `query`, `headers`, `body` and `form` are its arguments.

    Of headers only those of `headers` may be given. A `GET` or `HEAD` of a path under one of `read_prefixes` (whole
    segments) only reads; anything else is a write. A binding fills them in.
    """

    headers: tuple[str, ...] = ()
    read_prefixes: tuple[str, ...] = ()


class Backoff(Part):
    """Pauses between polls, in seconds."""

    first: Annotated[float, msgspec.Meta(ge=0.001)] = 0.5
    factor: Annotated[float, msgspec.Meta(ge=1)] = 2.0
    longest: Annotated[float, msgspec.Meta(ge=0.001, le=60)] = 5.0


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


class Offset(Part):
    """Pages that are counted: `{page.offset}` is how many rows came before, `start` (a reference) included.

    The end is where `total`, a path into the answer, is reached, a page has fewer rows than `size`, or none.
    """

    start: str = ""
    total: str = ""
    size: int = 0


class Paging(Part):
    """How to get the next page. Exactly one of `next`, `link`, `parts` and `offset`.

    `next` is where an answer names the following page, `link` takes it from the `Link` header (RFC 8288, `rel="next"`).
    What is named is a cursor; or a URL, of which only a part is ever used as cursor: with `parameter` that parameter of
    its query, else what follows `after`. A URL must be of the same host, and its path begin with `after`. Nothing and
    an empty text name no page. `parts` is a list in the first answer with an entry for each part, the first being part
    0. `while` must hold for an answer, or it was the last.

    `{page.cursor}`, `{page.index}` (0 for the first page), `{page.number}` (from 1) and `{page.offset}` can be used in
    `request`, or in `query` and `body`, which are merged into the first request, `body` at every level.
    """

    next: str = ""
    link: bool = False
    after: str = ""
    parameter: str = ""
    parts: str = ""
    offset: Offset | None = None
    while_: Condition | None = msgspec.field(default=None, name="while")
    request: Request | None = None
    query: dict[str, Any] = msgspec.field(default_factory=dict)
    body: dict[str, Any] = msgspec.field(default_factory=dict)
