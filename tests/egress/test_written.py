"""A request of the caller's own, checked once more where it is made: whatever was checked before."""

from typing import Any

import pytest

from pipes_catalog.exchange import Open
from pipes_egress.mapping.written import written
from pipes_egress.problems import ArgumentRefused

OPENED = Open(headers=("Accept", "Prefer"))
FIXED = {"Accept": "application/json", "Authorization": "Bearer t"}


def test_fixed_headers_stay_and_named_ones_are_added() -> None:
    sent = written(OPENED, {"method": "GET", "path": "/v1", "headers": {"Accept": "text/csv"}}, FIXED)

    assert sent.headers == {"Accept": "text/csv", "Authorization": "Bearer t"}
    assert (sent.method, sent.target, sent.body) == ("GET", "/v1", None)


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "/v1/../x"},
        {"path": "//evil.example/"},
        {"path": "/v1", "headers": {"Authorization": "Bearer x"}},
        {"path": "/v1", "headers": {"authorization": "Bearer x"}},
        {"path": "/v1", "headers": {"Prefer": "a\r\nX: 1"}},
        {"path": "/v1", "headers": "Accept: x"},
        {"path": "/v1", "query": {"": "x"}},
        {"path": "/v1", "query": {"a\n": "x"}},
        {"path": "/v1", "query": {"a": {"b": 1}}},
        {"path": "/v1", "query": {"a": "x" * 20_000}},
        {"path": "/v1", "body": {}},
        {"path": "/v1", "form": {}},
        {"path": "/v1", "method": "POST", "body": {}, "form": {}},
        {"path": "/v1", "method": "POST", "body": {"a": "\ud800"}},
    ],
)
def test_what_cannot_be_sent_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentRefused):
        written(OPENED, {"method": "GET", **arguments}, FIXED)
