"""What a tool can send is read off its definition, and nothing is forgotten."""

from typing import Any

import pytest

import pipes_catalog
from pipes_catalog.exchange import Body, Case, Endpoint, Exchange, Job, Paging, Request
from pipes_catalog.requests import deep, members, requests


def exchange(**changes: Any) -> Exchange:
    return Exchange(title="Acme", endpoint=Endpoint(hosts=("a.example",), url="https://a.example"), **changes)


def get(path: str, **changes: Any) -> Request:
    return Request(method="GET", path=path, **changes)


def test_every_request_has_its_place_and_what_it_knows() -> None:
    job = Job(running=(202,), handle="id", poll=get("/poll/{job.handle}"), cancel=get("/cancel/{job.handle}"))
    paging = Paging(next="cursor", query={"cursor": "{page.cursor}"})
    tool = exchange(lookup=get("/lookup"), request=get("/first", query={"q": "x"}), job=job, paging=paging)

    sent = {each.place: each for each in requests(tool)}

    assert list(sent) == [("lookup",), ("request",), ("paging",), ("job", "poll"), ("job", "cancel")]
    assert sent["request",].spaces == {"endpoint", "call", "lookup"}
    assert sent["paging",].spaces == {"endpoint", "call", "lookup", "job", "page"}
    assert sent["paging",].request.path == "/first"
    assert set(sent["paging",].query) == {"q", "cursor"}


def test_cases_have_their_own_paging_or_the_tools() -> None:
    own = Paging(next="x", request=get("/own/{page.cursor}"))
    cases = (Case(request=get("/a")), Case(request=get("/b"), paging=own), Case(say="Not so."))
    tool = exchange(cases=cases, paging=Paging(next="c", query={"c": "{page.cursor}"}))

    assert [(each.place, each.request.path) for each in requests(tool)] == [
        (("cases", 0, "request"), "/a"),
        (("paging",), "/a"),
        (("cases", 1, "request"), "/b"),
        (("cases", 1, "paging", "request"), "/own/{page.cursor}"),
    ]


def test_the_body_of_a_page_is_merged_at_every_level() -> None:
    body = Body(json={"query": "q", "variables": {"first": 50, "filter": {"a": 1}}})
    paging = Paging(next="end", body={"variables": {"after": "{page.cursor}"}})
    (first, second) = requests(exchange(request=Request(method="POST", path="/", body=body), paging=paging))

    assert [path for path, _ in first.body_members] == ["query", "variables.first", "variables.filter.a"]
    assert ("variables.after", "{page.cursor}") in second.body_members
    assert ("variables.first", 50) in second.body_members
    assert deep({"a": [1]}, {"a": [2]}) == {"a": [2]}


def test_members_go_through_lists_and_every_case() -> None:
    template = {
        "groups": [{"filters": [{"value": "{v}"}]}],
        "sort": {"$cases": [{"value": {"by": "a"}}, {"value": {"order": "b"}}]},
        "text": {"$join": ",", "$parts": []},
        "none": [],
    }

    assert [path for path, _ in members(template)] == [
        "groups[].filters[].value",
        "sort.by",
        "sort.order",
        "text",
        "none",
    ]


@pytest.mark.parametrize("provider", pipes_catalog.load().by_provider)
def test_every_shipped_tool_sends_something(provider: str) -> None:
    for tool in pipes_catalog.load().tools(provider):
        opened = tool.exchange is not None and tool.exchange.open is not None
        assert opened or list(requests(tool)), tool.name
