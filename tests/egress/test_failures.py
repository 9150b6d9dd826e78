"""What a provider says is wrong, made a sentence; what may be repeated is, and nothing else."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from egress_support import data, told
from pipes_egress.transport.retry_after import retry_after
from pipes_sandbox.call import Call
from scripted import Answers, Scripted, scripted, tool

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLACK_LIKE = {
    "message": ["error"],
    "code": ["error"],
    "failed": {"value": "ok", "equals": False},
    "scope": {"at": ["needed"]},
    "rules": [{"kind": "ScopeMissing", "codes": ["missing_scope"]}, {"kind": "NotVisible", "codes": ["not_found"]}],
}
GRAPHQL = {
    "message": ["errors.0.message"],
    "code": ["errors.0.extensions.code"],
    "failed": {"value": "errors.0", "present": True},
    "partial": {"data": "data", "errors": "errors"},
    "rules": [{"kind": "RateLimited", "statuses": [400], "codes": ["RATELIMITED"]}],
}
GITHUB_LIKE = {
    "message": ["message"],
    "scope": {"headers": ["X-Accepted-OAuth-Scopes"], "granted": "X-OAuth-Scopes"},
    "reset": ["X-RateLimit-Reset"],
    "rules": [
        {"kind": "RateLimited", "statuses": [403, 429], "headers": {"x-ratelimit-remaining": "0"}},
        {"kind": "RateLimited", "statuses": [403], "headers": {"Retry-After": "*"}},
        {"kind": "ScopeMissing", "statuses": [403, 404], "lacksScope": True},
    ],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scripted]:
    async with scripted(tmp_path_factory.mktemp("acme")) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def acme(shared: Scripted) -> Scripted:
    await shared.world.sandbox.forget_calls()
    return shared


def always(body: Any, status: int = 200, **headers: str) -> Answers:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda call: web.json_response(body, status=status, headers=named)


async def test_an_error_inside_a_success_is_an_error(acme: Scripted) -> None:
    result = await acme.call(tool(errors=SLACK_LIKE), always({"ok": False, "error": "not_found"}))

    assert result.is_error
    assert "not found in Acme, or not visible to this connection" in told(result)


async def test_a_missing_scope_is_named_as_the_provider_names_it(acme: Scripted) -> None:
    answer = {"ok": False, "error": "missing_scope", "needed": "channels:read", "provided": "chat:write"}
    result = await acme.call(tool(errors=SLACK_LIKE, scopes=[["things"]]), always(answer))

    assert result.is_error
    assert result.denial is None
    assert "needed: channels:read" in told(result)
    assert "connect the account again" in told(result)
    assert len(await acme.sent()) == 1


@pytest.mark.parametrize(
    ("status", "accepted", "granted", "says"),
    [
        (403, "repo, public_repo", "read:user", "needed: repo, public_repo"),
        (404, "repo", "", "needed: repo"),
        (404, "repo", "repo, gist", "not visible to this connection"),
        (404, "", "repo", "not visible to this connection"),
        (403, "repo", None, "not allowed to do this"),
    ],
)
async def test_headers_tell_a_missing_scope_from_a_missing_right(
    acme: Scripted, status: int, accepted: str, granted: str | None, says: str
) -> None:
    headers = {"X-Accepted-OAuth-Scopes": accepted, **({} if granted is None else {"X-OAuth-Scopes": granted})}
    result = await acme.call(tool(errors=GITHUB_LIKE), always({"message": "No."}, status, **headers))
    assert says in told(result)


async def test_a_result_with_errors_beside_it_is_shown_with_notes(acme: Scripted) -> None:
    answer = {
        "data": {"issue": {"title": "A", "assignee": None}, "team": None},
        "errors": [{"message": "Not authorized.", "path": ["issue", "assignee", 0]}, {"message": "Gone"}],
    }
    result = await acme.call(tool(errors=GRAPHQL, result={"items": "data"}), always(answer))

    assert data(result)["issue"] == {"title": "A", "assignee": None}
    assert "Not everything could be had: issue.assignee.0: Not authorized." in told(result)
    assert "Not everything could be had: Gone." in told(result)


@pytest.mark.parametrize("nothing", [{}, {"data": None}, {"data": {}}, {"data": {"issue": None}}])
async def test_errors_without_a_result_are_an_error(acme: Scripted, nothing: Any) -> None:
    answer = {**nothing, "errors": [{"message": "Entity not found"}] * 9}
    result = await acme.call(tool(errors=GRAPHQL), always(answer))

    assert result.is_error
    assert "Entity not found" in told(result)


async def test_some_of_a_batch_that_failed_are_told(acme: Scripted) -> None:
    errors = {**GRAPHQL, "partial": {"data": "results", "errors": "errors", "at": "context.id"}}
    answer = {"results": [{"id": 1}], "errors": [{"message": f"bad {n}", "context": {"id": [n]}} for n in range(7)]}
    result = await acme.call(tool(errors=errors), always(answer, 207))

    assert "Not everything could be had: 0: bad 0." in told(result)
    assert "There were 2 more such errors." in told(result)


async def test_a_rate_limit_told_by_headers_or_code_is_waited_for_within_reason(acme: Scripted) -> None:
    def once(answer: web.Response) -> Answers:
        answers = [answer]
        return lambda call: answers.pop() if answers else web.json_response({"done": True})

    soon = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) - 5)}
    limited = web.json_response({"message": "API rate limit exceeded"}, status=403, headers=soon)
    assert data(await acme.call(tool(errors=GITHUB_LIKE), once(limited))) == {"done": True}

    coded = {"errors": [{"message": "slow", "extensions": {"code": "RATELIMITED"}}]}
    limited = web.json_response(coded, status=400, headers={"Retry-After": "0"})
    assert data(await acme.call(tool(errors=GRAPHQL), once(limited))) == {"done": True}

    late = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1_800)}
    result = await acme.call(tool(errors=GITHUB_LIKE), always({"message": "API rate limit exceeded"}, 403, **late))
    assert "Try again in 1" in told(result)


async def test_a_read_is_repeated_whatever_its_method_and_a_write_is_not(acme: Scripted) -> None:
    post = {"method": "POST", "path": "/v1/search", "body": {"json": {}}}
    await acme.call(tool(request=post), always({}, 503, Retry_After="0"))
    assert len(await acme.sent()) == 3

    await acme.world.sandbox.forget_calls()
    result = await acme.call(tool(request=post, access="Write"), always({}, 503, Retry_After="0"))
    assert len(await acme.sent()) == 1
    assert "Whether it was done is not known" in told(result)


@pytest.mark.parametrize("access", ["Read", "Write"])
async def test_an_answer_that_nests_without_end_is_an_error_like_any_other(acme: Scripted, access: str) -> None:
    deep = "[" * 900 + "]" * 900
    post = {"method": "POST", "path": "/v1/x", "body": {"json": {}}}
    result = await acme.call(
        tool(request=post, access=access, result={"drop": ["etag"]}),
        lambda call: web.Response(text=deep, content_type="application/json"),
    )

    assert result.is_error
    assert result.sent
    assert "nested too deeply" in told(result)
    assert ("Whether it was done is not known" in told(result)) is (access == "Write")


async def test_a_write_that_may_be_repeated_is(acme: Scripted) -> None:
    put = {"method": "PUT", "path": "/v1/x", "repeat": True, "repeatQuery": {"retry": "true"}}
    await acme.call(tool(request=put, access="Write"), always({}, 503, Retry_After="0"))

    assert [each["query"] for each in await acme.sent()] == ["", "retry=true", "retry=true"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7", "X-Reset": "99"}, 7),
        ({"X-Reset": "12"}, 12),
        ({"X-Other": "13", "X-Reset": "12"}, 12),
        ({"X-Other": "13"}, 13),
        ({"X-Reset": "soon"}, None),
        ({"X-Reset": "nan"}, None),
        ({"X-Reset": "-5"}, None),
        ({"X-Reset": "1e99"}, None),
        ({"Retry-After": "Mon, 99999999999999999999 Jan 2020 00:00:00"}, None),
        ({"Retry-After": "Thu, 01 Jan 0001 00:00:00 +2359"}, 0),
        ({"X-Reset": str(10**9)}, 0),
        ({}, None),
    ],
)
async def test_when_to_try_again_is_read_from_the_headers_named(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, ("X-Reset", "X-Other")) == seconds


async def test_a_moment_may_be_told_in_seconds_or_milliseconds() -> None:
    now = time.time()
    for text in (str(now + 100), str((now + 100) * 1_000)):
        asked = retry_after({"X-Reset": text}, ("X-Reset",))
        assert asked is not None
        assert 0 < asked <= 100


DOWNLOAD = {"method": "GET", "path": "/v1/files/1", "redirect": "download"}
ENDPOINT = {
    "hosts": ["api.acme.example"],
    "url": "https://api.acme.example",
    "downloadHosts": ["content.acme.example"],
}


def sends_to(location: str, status: int = 302) -> Answers:
    def answers(call: Call) -> web.Response:
        if call.host == "content.acme.example":
            return web.Response(body=b"the content", headers={"Content-Type": "text/plain"})
        return web.Response(status=status, headers={"Location": location})

    return answers


async def test_content_elsewhere_is_fetched_without_the_credential(acme: Scripted) -> None:
    definition = tool(endpoint=ENDPOINT, request=DOWNLOAD, result={"kind": "file"})
    url = "https://content.acme.example/a%2Fb/c?sig=x%2By&e=1#frag"
    result = await acme.call(definition, sends_to(url))

    assert result.content[0] == {"type": "text", "text": "the content"}
    first, second = await acme.sent()
    assert "Authorization" in first["headers"]
    assert not {"Authorization", "Cookie"} & set(second["headers"])
    assert (second["host"], second["path"], second["query"]) == ("content.acme.example", "/a%2Fb/c", "sig=x%2By&e=1")
    assert "sig=" not in told(result)


@pytest.mark.parametrize(
    "location",
    [
        *("https://evil.example/x", "http://content.acme.example/x", "//content.acme.example/x", "/v1/other", ""),
        *(
            "https://content.acme.example:8443/x",
            "https://u@content.acme.example/x",
            "https://x.content.acme.example/x",
        ),
        *("https://content.acme.example.evil.example/x", "https://127.0.0.1/x", "https://[::1]/x", "https://[bad/x"),
        *(
            "ftp://content.acme.example/x",
            "https://content.acme.example@evil.example/",
            "https://content.acme.example:x/",
        ),
    ],
)
async def test_no_other_place_is_followed_to(acme: Scripted, location: str) -> None:
    definition = tool(endpoint=ENDPOINT, request=DOWNLOAD, result={"kind": "file"})
    result = await acme.call(definition, sends_to(location))

    assert result.is_error
    assert "redirect" in told(result)
    assert len(await acme.sent()) == 1


async def test_a_redirect_leads_no_further(acme: Scripted) -> None:
    definition = tool(endpoint=ENDPOINT, request=DOWNLOAD, result={"kind": "file"})
    url = "https://content.acme.example/loop"
    result = await acme.call(definition, lambda call: web.Response(status=302, headers={"Location": url}))

    assert result.is_error
    assert len(await acme.sent()) == 2


async def test_a_request_that_is_not_marked_follows_nowhere(acme: Scripted) -> None:
    definition = tool(endpoint=ENDPOINT, request={"method": "GET", "path": "/v1"}, result={"kind": "file"})
    result = await acme.call(definition, sends_to("https://content.acme.example/x"))

    assert result.is_error
    assert len(await acme.sent()) == 1
