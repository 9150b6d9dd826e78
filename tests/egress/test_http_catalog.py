"""The catalog `http`: any provider, one host, and a read only where the binding says so."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

import pipes_catalog
from data_files import lines
from egress_support import data, told
from pipes_api.reasons import Reason
from pipes_api.resources import Access
from pipes_catalog.http import with_prefixes
from pipes_egress.call import ToolResult
from pipes_sandbox.call import Call
from scripted import Answers, Scripted, scripted

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = "api.acme.example"
TOOL = with_prefixes(pipes_catalog.load().by_provider["http"].tools["request"], ["/v1/things", "/v1/search"])
BINDING = {"catalog": "http", "hosts": (HOST,), "endpoint": {"host": HOST}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scripted]:
    async with scripted(tmp_path_factory.mktemp("acme"), allowed_hosts={"acme": (HOST,)}) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def acme(shared: Scripted) -> Scripted:
    await shared.world.sandbox.forget_calls()
    shared.world.policy.write = True
    return shared


def echo(call: Call) -> web.Response:
    return web.json_response({"path": call.path}, headers={"ETag": '"1"', "Link": "<x>; rel=next", "X-Secret": "s"})


async def request(acme: Scripted, answers: Answers = echo, **arguments: Any) -> ToolResult:
    return await acme.call(TOOL, answers, {"method": "GET", "path": "/v1/things", **arguments}, BINDING)


async def test_the_answer_is_status_type_headers_to_go_on_with_and_body(acme: Scripted) -> None:
    result = await request(acme, path="/v1/things/4", query={"a": "x&b=c", "n": [1, 2], "flag": True})

    assert data(result) == {
        "status": 200,
        "contentType": "application/json",
        "etag": '"1"',
        "link": "<x>; rel=next",
        "body": {"path": "/v1/things/4"},
    }
    (call,) = await acme.sent()
    assert call["query"] == "a=x%26b%3Dc&n=1&n=2&flag=true"
    assert result.access is Access.READ


async def test_a_credential_that_is_echoed_is_withheld(acme: Scripted) -> None:
    def leak(call: Call) -> web.Response:
        link = {"Link": f"</v1/things?access_token={call.bearer()}>; rel=next"}
        return web.json_response({"token": call.bearer()}, headers=link)

    found = data(await request(acme, leak))
    assert found["body"] == {"token": "(withheld)"}
    assert found["link"] == "</v1/things?access_token=(withheld)>; rel=next"


@pytest.mark.parametrize(
    ("changes", "access"),
    [
        ({}, Access.READ),
        ({"method": "HEAD"}, Access.READ),
        ({"path": "/v1/search/x"}, Access.READ),
        ({"method": "POST", "body": {}}, Access.WRITE),
        ({"method": "DELETE"}, Access.WRITE),
        ({"path": "/v1/thingsandmore"}, Access.WRITE),
        ({"path": "/v2/things"}, Access.WRITE),
        ({"path": "/v1/%74hings"}, Access.WRITE),
        ({"query": {"_method": "DELETE"}}, Access.WRITE),
        ({"query": {"Method": "DELETE"}}, Access.WRITE),
        ({"query": {"X-HTTP-Method-Override": "DELETE"}}, Access.WRITE),
        ({"query": {" _method": "DELETE"}}, Access.WRITE),
        ({"query": {".method[]": "DELETE"}}, Access.WRITE),
        ({"query": {"x_http_method_override": "DELETE"}}, Access.WRITE),
    ],
)
async def test_a_read_is_a_get_under_a_prefix_and_nothing_else(
    acme: Scripted, changes: dict[str, Any], access: Access
) -> None:
    assert (await request(acme, **changes)).access is access
    sent = len(await acme.sent())

    acme.world.policy.write = False
    result = await request(acme, **changes)
    if access is Access.WRITE:
        assert result.denial is not None
        assert result.denial.reason is Reason.WRITE_NOT_ALLOWED
        assert len(await acme.sent()) == sent
    else:
        assert not result.is_error


@pytest.mark.parametrize("value", [value for _, value in lines("path_params.txt")])
async def test_no_path_gets_out_of_its_prefix(acme: Scripted, value: str) -> None:
    acme.world.policy.write = False
    await request(acme, path=f"/v1/things/{value}")

    for call in await acme.sent():
        assert call["path"].startswith("/v1/things/")
        assert ".." not in call["path"]
        assert call["host"] == HOST


@pytest.mark.parametrize(
    "path", ["https://evil.example/x", "//evil.example/x", "/v1/things/../x", "/v1/things?x=1", "/a\\b", "/a b", "/%00"]
)
async def test_a_path_that_could_be_read_otherwise_is_refused(acme: Scripted, path: str) -> None:
    result = await request(acme, path=path)

    assert result.is_error
    assert await acme.sent() == []


@pytest.mark.parametrize(
    "name", ["Authorization", "Host", "Cookie", "X-HTTP-Method-Override", "Content-Type", "accept"]
)
async def test_no_other_header_can_be_given(acme: Scripted, name: str) -> None:
    result = await request(acme, headers={name: "x"})

    assert result.is_error
    assert result.denial is None
    assert await acme.sent() == []


@pytest.mark.parametrize("value", [value for _, value in lines("header_values.txt")])
async def test_a_header_is_sent_as_it_is_or_not_at_all(acme: Scripted, value: str) -> None:
    result = await request(acme, headers={"Prefer": value})
    if result.is_error:
        assert await acme.sent() == []
        return
    (call,) = await acme.sent()
    assert call["headers"]["Prefer"] == value


async def test_bodies_are_json_or_a_form_and_never_of_a_get(acme: Scripted) -> None:
    seen: list[tuple[str, bytes]] = []

    def keep(call: Call) -> web.Response:
        seen.append((call.header("Content-Type"), call.body))
        return web.Response(status=204)

    result = await request(acme, keep, method="POST", body={"a": [1, {"b": None}]})
    assert data(result)["status"] == 204
    await request(acme, keep, method="POST", form={"a": "x&y", "n": 1})
    assert seen == [
        ("application/json", b'{"a":[1,{"b":null}]}'),
        ("application/x-www-form-urlencoded", b"a=x%26y&n=1"),
    ]
    assert "has no body" in told(await request(acme, keep, body={}))
    assert "not both" in told(await request(acme, keep, method="POST", body={}, form={}))
    assert len(seen) == 2


async def test_another_host_is_refused_even_if_the_binding_names_it(acme: Scripted) -> None:
    for binding in (
        {**BINDING, "endpoint": {"host": "evil.example"}},
        {**BINDING, "endpoint": {"host": "evil.example"}, "hosts": ("evil.example",)},
        {**BINDING, "endpoint": {"host": f"{HOST}@evil.example"}},
        {**BINDING, "endpoint": {}},
        {**BINDING, "provider": "other"},
    ):
        result = await acme.call(TOOL, echo, {"method": "GET", "path": "/v1/things"}, binding)
        assert result.is_error
    assert await acme.sent() == []


async def test_a_refusal_is_shown_as_the_provider_words_it(acme: Scripted) -> None:
    answer = {"errors": [{"field": "name", "problem": "is too long"}]}
    result = await request(acme, lambda call: web.json_response(answer, status=422), method="POST", body={})

    assert result.is_error
    assert result.denial is None
    assert msgspec.json.decode(result.content[0]["text"]) == {
        "status": 422,
        "contentType": "application/json",
        "body": answer,
    }


async def test_not_modified_is_an_answer_and_a_redirect_is_not(acme: Scripted) -> None:
    result = await request(acme, lambda call: web.Response(status=304), headers={"If-None-Match": '"1"'})
    assert data(result)["status"] == 304

    moved = await request(acme, lambda call: web.Response(status=302, headers={"Location": "https://evil.example/"}))
    assert moved.is_error
    assert "evil" not in told(moved)
    assert len(await acme.sent()) == 2


async def test_a_long_answer_is_cut_and_says_so(acme: Scripted) -> None:
    texts = await request(acme, lambda call: web.json_response({"text": "x" * 300_000, "id": 1}))
    assert data(texts)["body"]["id"] == 1
    assert "were shortened. Ask for less" in told(texts)

    numbers = await request(acme, lambda call: web.json_response(list(range(100_000))))
    assert data(numbers)["body"].startswith("[0,1,2,")
    assert "The body was cut after 100,000 of" in told(numbers)
    assert len(numbers.content[0]["text"]) < 101_000


async def test_bytes_are_a_resource_with_the_status_beside_it(acme: Scripted) -> None:
    result = await request(acme, lambda call: web.Response(body=b"%PDF\x00", content_type="application/pdf"))

    assert result.content[0]["resource"]["mimeType"] == "application/pdf"
    assert result.content[0]["resource"]["uri"] == f"https://{HOST}/v1/things"
    assert msgspec.json.decode(result.content[1]["text"])["status"] == 200


async def test_a_write_is_sent_once(acme: Scripted) -> None:
    def down(call: Call) -> web.Response:
        return web.json_response({}, status=503, headers={"Retry-After": "0"})

    result = await request(acme, down, method="POST", body={})
    assert "Whether it was done is not known" in told(result)
    assert len(await acme.sent()) == 1

    await request(acme, down)
    assert len(await acme.sent()) == 4
