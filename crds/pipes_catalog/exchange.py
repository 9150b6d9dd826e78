"""The exchange with a provider, as data: where it is, what is sent, how answers are read.

These types are the catalog format. Values named *template* are JSON in which
text may hold references such as `{statement}` or `{database|identifier}`; see
`docs/catalogs.md` and `references.py`.
"""

from enum import StrEnum

import msgspec

from .part import Condition, Part
from .reading import (
    Content,
    Decode,
    Decoding,
    Errors,
    FailureKind,
    FailureRule,
    Note,
    Partial,
    Result,
    ResultKind,
    ScopeTold,
)
from .sending import Backoff, Body, BodyPart, Graphql, Job, Offset, Open, Paging, Request

__all__ = [
    "Backoff",
    "Body",
    "BodyPart",
    "Case",
    "Condition",
    "Content",
    "Credential",
    "Decode",
    "Decoding",
    "Endpoint",
    "Errors",
    "Exchange",
    "FailureKind",
    "FailureRule",
    "Graphql",
    "HostForm",
    "HostValue",
    "Job",
    "Note",
    "Offset",
    "Open",
    "Paging",
    "Part",
    "Partial",
    "Request",
    "Result",
    "ResultKind",
    "ScopeTold",
]


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
    """Where the provider is: `hosts` are whole-label patterns, `url` is `https://` and a host made of `values`.

    `download_hosts` are where a request marked `redirect: download` may be sent on to, without any credential.
    """

    hosts: tuple[str, ...]
    url: str
    values: dict[str, HostValue] = msgspec.field(default_factory=dict)
    download_hosts: tuple[str, ...] = ()


class Credential(Part):
    """Headers that carry the credential, and those that depend on how the account is authenticated.

    `{credential}` in a header is the vended value. `by_method` is keyed by Pipes' `auth_method`
    (`oauth`, `api_key`, `client_credentials`); a method it does not name is not supported, unless it is empty.
    """

    headers: dict[str, str] = msgspec.field(default_factory=lambda: {"Authorization": "Bearer {credential}"})
    by_method: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)


class Case(Part):
    """One of several ways to serve a tool: the first whose condition holds. `say` refuses with a sentence."""

    when: Condition | None = None
    request: Request | None = None
    paging: Paging | None = None
    result: Result | None = None
    say: str = ""


class Exchange(Part):
    """All that is needed to execute a tool, so that the executing process needs no catalog of its own.

    `lookup` is sent first, if given; its answer is at `{lookup.…}`. Then `request`, or the fitting one of `cases`; or,
    with `open`, what the caller wrote.
    `details`, if given, is sent for each row, which is `{item}` there, and its answer takes the row's place.
    `host` is one of `endpoint.hosts`, written out, where the requests of this tool go instead of to `endpoint.url`.
    """

    title: str
    endpoint: Endpoint
    host: str = ""
    credential: Credential = Credential()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    errors: Errors = Errors()
    lookup: Request | None = None
    request: Request | None = None
    cases: tuple[Case, ...] = ()
    open: Open | None = None
    job: Job | None = None
    paging: Paging | None = None
    details: Request | None = None
    result: Result = Result()
