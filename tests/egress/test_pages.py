"""Which page comes next, and that nothing but a cursor is ever taken from what a provider says."""

from typing import Any

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from pipes_catalog.exchange import Body, Condition, Offset, Paging, Request
from pipes_egress.mapping.build import build
from pipes_egress.mapping.scope import Scope
from pipes_egress.problems import ProviderFailed
from pipes_egress.run.pages import MOST_PAGES, Pages
from pipes_egress.transport.answers import Answer

HOST = "api.acme.example"


def answer(*links: str) -> Answer:
    return Answer(200, CIMultiDictProxy(CIMultiDict([("Link", each) for each in links])), b"")


def pages(items: str = "rows", start: int = 0, **paging: Any) -> Pages:
    return Pages(Paging(**paging), items, HOST, start)


def after(document: Any, **paging: Any) -> dict[str, Any] | None:
    return pages(**paging).after(answer(), document)


@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}, {"next": False}, None, []])
def test_no_cursor_and_an_empty_one_are_the_end(end: Any) -> None:
    assert after(end, next="next") is None


def test_a_cursor_is_the_next_page() -> None:
    assert after({"next": "abc", "rows": [1, 2]}, next="next") == {
        "index": 1,
        "number": 2,
        "offset": 2,
        "cursor": "abc",
    }


@pytest.mark.parametrize(("more", "ends"), [(True, False), (False, True), (None, True)])
def test_while_must_hold_for_another_page(more: Any, ends: bool) -> None:
    document = {"pageInfo": {"hasNextPage": more, "endCursor": "abc"}}
    condition = Condition(value="pageInfo.hasNextPage", equals=True)
    assert (after(document, next="pageInfo.endCursor", while_=condition) is None) is ends


def test_a_cursor_given_twice_is_not_followed_again() -> None:
    going = pages(next="next")
    assert going.after(answer(), {"next": "a"})
    assert going.after(answer(), {"next": "a"}) is None
    assert going.stuck


def test_there_is_an_end_to_pages() -> None:
    going = pages(next="next")
    count = 0
    while not going.exhausted:
        count += 1
        assert going.after(answer(), {"next": str(count)})
    assert count == MOST_PAGES - 1
    assert going.after(answer(), {"next": "more"})


@pytest.mark.parametrize(
    ("links", "cursor"),
    [
        ([f'<https://{HOST}/x?page=2&per_page=9>; rel="next", <https://{HOST}/x?page=9>; rel="last"'], "2"),
        ([f'<https://{HOST}/x?page=1>; rel="prev"', f"<https://{HOST}/x?page=3>; rel=next"], "3"),
        ([f'<https://{HOST}/x?page=a%26b%3Dc>; title="a, <b>; rel=prev"; rel="last next"'], "a&b=c"),
        (['</x?page=5>; rel="next"'], "5"),
        ([f'<https://{HOST}/x?page=1>; rel="prev"'], None),
        ([f'<https://{HOST}/x?page=1>; rel="nextish"'], None),
        ([], None),
        ([";;<<>>,,\"'"], None),
    ],
)
def test_a_link_header_names_the_next_page(links: list[str], cursor: str | None) -> None:
    page = pages(link=True, parameter="page").after(answer(*links), {})
    assert (page["cursor"] if page else None) == cursor


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x?page=2",
        "http://api.acme.example/x?page=2",
        "//evil.example/x?page=2",
        "https://api.acme.example@evil.example/x?page=2",
        "https://api.acme.example:8443/x?page=2",
        "https://api.acme.example/other?page=2",
        "https://api.acme.example/x",
        "https://api.acme.example/x?page=",
        "https://api.acme.example/x?page=1&page=2",
        "https://[broken/x?page=2",
        "javascript:alert(1)",
    ],
)
def test_a_next_page_that_is_not_the_providers_own_is_refused(url: str) -> None:
    with pytest.raises(ProviderFailed, match="not followed"):
        after({"next": url}, next="next", after="/x", parameter="page")
    with pytest.raises(ProviderFailed, match="not followed"):
        pages(link=True, after="/x", parameter="page").after(answer(f'<{url}>; rel="next"'), {})


def test_the_rest_after_a_prefix_is_the_cursor() -> None:
    found = after({"next": "/v1/query/01g-2000?a=b"}, next="next", after="/v1/query/")
    assert found
    assert found["cursor"] == "01g-2000?a=b"


@pytest.mark.parametrize(
    ("document", "offset", "expected"),
    [
        ({"rows": [1, 2], "total": 5}, Offset(total="total"), 2),
        ({"rows": [1, 2], "total": 2}, Offset(total="total"), None),
        ({"rows": [], "total": 5}, Offset(total="total"), None),
        ({"rows": [1, 2]}, Offset(size=2), 2),
        ({"rows": [1]}, Offset(size=2), None),
        ({"rows": "none"}, Offset(size=2), None),
    ],
)
def test_counted_pages_end_at_the_total_or_at_a_short_page(document: Any, offset: Offset, expected: int | None) -> None:
    page = after(document, offset=offset)
    assert (page["offset"] if page else None) == expected


def test_an_offset_begins_where_the_caller_wants() -> None:
    going = pages(offset=Offset(total="total", start="{startAt}"), start=40)
    page = going.after(answer(), {"rows": [1] * 10, "total": 51})
    assert page
    assert page["offset"] == 50
    assert going.after(answer(), {"rows": [1], "total": 51}) is None


def test_parts_are_counted_in_the_first_answer() -> None:
    going = pages(parts="parts")
    assert going.after(answer(), {"parts": [{}, {}]})
    assert going.after(answer(), {}) is None


def test_a_page_is_merged_into_the_body_at_every_level() -> None:
    scope = Scope(arguments={"first": 50}, spaces={"page": {"cursor": "abc"}})
    body = Body(json={"query": "q", "variables": {"first": "{first}", "after": None}})
    sent = build(Request(method="POST", path="/", body=body), scope, body={"variables": {"after": "{page.cursor}"}})
    assert msgspec.json.decode(sent.body or b"") == {"query": "q", "variables": {"first": 50, "after": "abc"}}

    form = Request(method="POST", path="/", body=Body(form={"channel": "C1"}))
    assert build(form, scope, body={"cursor": "{page.cursor}"}).body == b"channel=C1&cursor=abc"
