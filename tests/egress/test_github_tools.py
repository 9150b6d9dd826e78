"""GitHub's tools against the sandbox."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from data_files import lines
from egress_support import World, data, told
from pipes_api.reasons import Reason

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEBSITE = {"owner": "acme", "repo": "website"}
PLATFORM = {"owner": "acme", "repo": "platform"}


async def rows(world: World, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(await world.call("github", tool, arguments))["rows"]
    return found


async def test_repositories_are_found(world: World) -> None:
    found = await rows(world, "search_repositories", query="org:acme services")

    assert [each["full_name"] for each in found] == ["acme/platform"]
    assert "owner" not in found[0]


async def test_issues_are_found_without_their_texts(world: World) -> None:
    (found,) = await rows(world, "search_issues", query="anvil repo:acme/website")
    pulls = await rows(world, "search_issues", query="repo:acme/website", kind="pull-request")

    assert (found["number"], found["user"]["login"]) == (1, "bob-acme")
    assert [each["name"] for each in found["labels"]] == ["bug", "docs"]
    assert "body" not in found
    assert [each["number"] for each in pulls] == [2]


async def test_a_long_list_is_paged_and_cut_where_it_is_asked_to(world: World) -> None:
    every = await world.call("github", "search_issues", {"query": "nightly repo:acme/platform", "maxRows": 500})
    some = await world.call("github", "search_issues", {"query": "nightly repo:acme/platform", "maxRows": 120})
    calls = await world.sandbox.calls(service="github")

    assert len({each["number"] for each in data(every)["rows"]}) == data(every)["total_count"] == 130
    assert len(data(some)["rows"]) == 120
    assert "there are more. Narrow the search" in told(some)
    assert [parse_qs(call["query"]).get("page") for call in calls] == [None, ["2"], None, ["2"]]


async def test_code_is_found_by_path_and_read(world: World) -> None:
    (found,) = await rows(world, "search_code", query="textContent repo:acme/website")
    read = await world.call("github", "get_file", {**WEBSITE, "path": found["path"]})

    assert found == {
        "path": "src/render.ts",
        "repository": {"full_name": "acme/website"},
        "html_url": found["html_url"],
    }
    assert read.content[0]["type"] == "text"
    assert "textContent = 'Acme'" in read.content[0]["text"]


async def test_a_file_comes_as_what_it_is(world: World) -> None:
    image = await world.call("github", "get_file", {**WEBSITE, "path": "public/dot.png"})
    other = await world.call("github", "get_file", {**WEBSITE, "path": "docs/pricing.md", "ref": "new-price"})

    assert (image.content[0]["type"], image.content[0]["mimeType"]) == ("image", "image/png")
    assert "59 EUR" in other.content[0]["text"]


async def test_a_text_is_read_as_one_whatever_its_name_suggests(world: World) -> None:
    where = {**PLATFORM, "path": "docs/song.mp3"}
    await world.call("github", "put_file", {**where, "message": "Words", "content": "La la la\n"})
    read = await world.call("github", "get_file", where)

    assert read.content[0] == {"type": "text", "text": "La la la\n"}


async def test_a_folder_is_listed(world: World) -> None:
    top = await rows(world, "list_files", **WEBSITE)
    inside = await rows(world, "list_files", **WEBSITE, path="src")

    assert {"README.md", "docs", "src"} <= {each["path"] for each in top}
    assert [each["path"] for each in inside] == ["src/index.ts", "src/render.ts"]
    assert "not a folder" in told(await world.call("github", "list_files", {**WEBSITE, "path": "README.md"}))


async def test_an_issue_is_opened_changed_and_discussed(world: World) -> None:
    made = data(await world.call("github", "create_issue", {**WEBSITE, "title": "Broken link", "labels": ["docs"]}))
    where = {**WEBSITE, "number": made["number"]}
    await world.call("github", "add_comment", {**where, "body": "It is in the footer."})
    await world.call("github", "update_issue", {**where, "state": "closed", "state_reason": "completed"})
    read = data(await world.call("github", "get_issue", where))

    assert (read["state"], read["comments"], read["labels"]) == ("closed", 1, [{"name": "docs"}])
    assert [each["body"] for each in await rows(world, "list_comments", **where)] == ["It is in the footer."]


async def test_a_change_goes_by_branch_and_pull_request(world: World) -> None:
    new = {**WEBSITE, "path": "src/theme.ts", "message": "Go darker", "branch": "dark-mode", "content": "// darker\n"}
    refused = await world.call("github", "put_file", {**new, "sha": "0" * 40})
    sha = {
        each["path"]: each["sha"] for each in await rows(world, "list_files", **WEBSITE, path="src", ref="dark-mode")
    }
    put = data(await world.call("github", "put_file", {**new, "sha": sha["src/theme.ts"]}))
    made = data(
        await world.call("github", "create_pull", {**WEBSITE, "title": "Dark", "head": "dark-mode", "base": "main"})
    )
    where = {**WEBSITE, "number": made["number"]}
    (file,) = await rows(world, "list_pull_files", **where)

    assert refused.is_error
    assert "Read it again" in told(refused)
    assert put["content"]["path"] == "src/theme.ts"
    assert file["patch"] == "@@ -0,0 +1 @@\n+// darker"
    assert data(await world.call("github", "get_pull", where))["changed_files"] == 1


async def test_a_long_patch_is_shortened(world: World) -> None:
    long = {**WEBSITE, "path": "long.txt", "message": "Long", "branch": "new-price", "content": "word\n" * 20_000}
    await world.call("github", "put_file", long)
    files = {each["filename"]: each for each in await rows(world, "list_pull_files", **WEBSITE, number=2)}

    assert len(files["long.txt"]["patch"]) < 11_000
    assert "49 EUR" in files["docs/pricing.md"]["patch"]


async def test_what_is_not_visible_says_what_would_make_it_so(world: World) -> None:
    result = await world.call("github", "get_issue", {"owner": "acme", "repo": "payroll", "number": 1})

    assert result.is_error
    assert "not visible to this connection" in told(result)
    assert "if the connected account may see them" in told(result)


async def test_a_write_without_its_scope_is_refused_before_it_is_sent(world: World) -> None:
    await world.sandbox.change_account("data_installation_github_alice", scopes=["read:user"])
    refused = await world.call("github", "add_comment", {**WEBSITE, "number": 1, "body": "x"})
    read = await world.call("github", "get_issue", {**WEBSITE, "number": 1})
    calls = await world.sandbox.calls(service="github")
    await world.sandbox.change_account("data_installation_github_alice", scopes=["repo", "read:user"])

    assert refused.denial is not None
    assert refused.denial.reason is Reason.SCOPE_MISSING
    assert "public_repo" in refused.denial.message
    assert not read.is_error
    assert [call["method"] for call in calls] == ["GET"]


async def test_a_scope_that_github_misses_is_named(world: World) -> None:
    await world.sandbox.change_account("data_installation_github_alice", scopes=["public_repo"])
    result = await world.call("github", "get_issue", {**PLATFORM, "number": 1})
    await world.sandbox.change_account("data_installation_github_alice", scopes=["repo", "read:user"])

    assert result.is_error
    assert result.denial is None
    assert "lacks a scope" in told(result)
    assert "repo" in told(result)


@pytest.mark.parametrize("headers", [{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99"}, {"Retry-After": "30"}])
async def test_a_limit_told_as_forbidden_is_one(world: World, headers: dict[str, str]) -> None:
    body = {"message": "You have exceeded a secondary rate limit."}
    await world.sandbox.fault(match={"service": "github"}, status=403, headers=headers, body=body)
    result = await world.call("github", "add_comment", {**WEBSITE, "number": 1, "body": "x"})

    assert result.is_error
    assert "asks to slow down" in told(result)
    assert len(await world.sandbox.calls(service="github")) == 1


async def test_refusals_are_githubs_own_words(world: World) -> None:
    result = await world.call("github", "search_issues", {"query": "repo:acme/payroll"})

    assert result.is_error
    assert "you do not have permission to view them" in told(result)


async def test_a_next_page_elsewhere_is_not_followed(world: World) -> None:
    link = {"Link": '<https://evil.example/repos/acme/website/issues/1/comments?page=2>; rel="next"'}
    await world.sandbox.fault(match={"service": "github"}, status=200, headers=link, body=[{"id": 1, "body": "x"}])
    result = await world.call("github", "list_comments", {**WEBSITE, "number": 1})

    assert result.is_error
    assert len(await world.sandbox.calls(service="github")) == 1


@pytest.mark.parametrize("value", [line for _, line in lines("path_params.txt")])
async def test_no_path_reaches_another_endpoint(world: World, value: str) -> None:
    await world.call("github", "get_file", {**WEBSITE, "path": value})
    await world.call("github", "get_issue", {"owner": "acme", "repo": value, "number": 1})

    for call in await world.sandbox.calls(service="github"):
        begun, _, rest = call["path"].partition("/contents/")
        assert begun == "/repos/acme/website" or call["path"].startswith("/repos/acme/")
        assert call["path"].endswith("/issues/1") or (rest and "/" not in rest)
