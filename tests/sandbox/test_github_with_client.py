"""GitHub's own @octokit/rest, pointed at the sandbox, searches, reads and changes repositories."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from node_client import NodeClient, NodeError, node_client

pytestmark = pytest.mark.node

WEBSITE = {"owner": "acme", "repo": "website"}
PLATFORM = {"owner": "acme", "repo": "platform"}

Call = Callable[..., Any]
"""`call("issues.get", owner=…, …)`: the data, named as in the library."""


@pytest.fixture(scope="module")
def node() -> Iterator[NodeClient]:
    with node_client("github.mjs") as client:
        yield client


def calls(node: NodeClient, sandbox: Any, user: str = "user_alice") -> Call:
    token = sandbox.token("github", user)

    def call(name: str, *, paged: bool = False, **arguments: Any) -> Any:
        answer = node.call(name, arguments, url=sandbox.url, token=token, paged=paged)
        return answer if paged else answer["data"]

    return call


@pytest.fixture
def github(node: NodeClient, sandbox: Any) -> Call:
    return calls(node, sandbox)


@pytest.fixture
def reading(node: NodeClient, unchanged: Any) -> Call:
    return calls(node, unchanged)


def refusal(call: Call, name: str, **arguments: Any) -> tuple[int, Any]:
    with pytest.raises(NodeError) as caught:
        call(name, **arguments)
    return caught.value.data["status"], caught.value.data["data"]


def test_the_token_tells_who_it_is_for(reading: Call) -> None:
    assert reading("users.getAuthenticated")["login"] == "alice-acme"


def test_pages_are_followed_by_their_links(reading: Call) -> None:
    every = reading("issues.listForRepo", paged=True, **PLATFORM, state="all", per_page=50)
    assert len(every) == len({each["number"] for each in every}) == 131
    found = reading("search.issuesAndPullRequests", paged=True, q="nightly repo:acme/platform is:issue", per_page=50)
    assert len(found) == 130


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("repo:acme/website is:issue", {1, 3}),
        ("repo:acme/website is:pull-request", {2}),
        ("anvil repo:acme/website is:issue is:open", {1}),
        ('label:"bug" is:issue org:acme state:closed', {3}),
        ("repo:acme/website is:issue -label:docs", {3}),
        ("repo:acme/website is:issue author:bob-acme assignee:alice-acme", {1}),
        ("salaries is:issue", set()),
    ],
)
def test_search_understands_words_and_qualifiers(reading: Call, query: str, numbers: set[int]) -> None:
    found = reading("search.issuesAndPullRequests", q=query)
    assert {each["number"] for each in found["items"]} == numbers
    assert found["total_count"] == len(numbers)


def test_code_and_repositories_are_searched(reading: Call) -> None:
    code = reading("search.code", q="render repo:acme/website extension:ts")["items"]
    assert {each["path"] for each in code} == {"src/index.ts", "src/render.ts"}
    assert [each["full_name"] for each in reading("search.repos", q="services org:acme")["items"]] == ["acme/platform"]


def test_a_search_that_cannot_be_is_refused(reading: Call) -> None:
    status, said = refusal(reading, "search.issuesAndPullRequests", q="anvil")
    assert (status, said["errors"][0]["field"]) == (422, "q")
    assert refusal(reading, "search.issuesAndPullRequests", q="is:issue repo:acme/payroll")[0] == 422


def test_an_issue_is_opened_changed_discussed_and_read(github: Call) -> None:
    made = github(
        "issues.create", **WEBSITE, title="Typo", body="In the footer", labels=["docs"], assignees=["bob-acme"]
    )
    where = {**WEBSITE, "issue_number": made["number"]}
    github("issues.createComment", **where, body="Second line")
    github("issues.update", **where, state="closed", state_reason="not_planned")
    read = github("issues.get", **where)

    assert (read["state"], read["state_reason"], read["comments"]) == ("closed", "not_planned", 1)
    assert [each["name"] for each in read["labels"]] == ["docs"]
    assert [each["body"] for each in github("issues.listComments", **where)] == ["Second line"]
    assert github("search.issuesAndPullRequests", q="typo is:issue is:closed")["total_count"] == 1


def test_a_pull_request_is_what_a_branch_has_more(github: Call) -> None:
    made = github("pulls.create", **WEBSITE, title="Dark mode", head="dark-mode", base="main", draft=True)
    (file,) = github("pulls.listFiles", **WEBSITE, pull_number=made["number"])

    assert (file["filename"], file["status"], file["additions"]) == ("src/theme.ts", "added", 1)
    assert made["draft"]
    status, said = refusal(github, "pulls.create", **WEBSITE, title="Again", head="dark-mode", base="main")
    assert (status, said["errors"][0]["message"]) == (422, "A pull request already exists for acme:dark-mode.")
    (changed,) = github("pulls.listFiles", **WEBSITE, pull_number=2)
    assert "-The anvil is 49 EUR.\n+The anvil is 59 EUR." in changed["patch"]
    assert github("pulls.get", **WEBSITE, pull_number=2)["head"]["ref"] == "new-price"


def test_files_are_read_in_every_form(reading: Call) -> None:
    file = reading("repos.getContent", **WEBSITE, path="docs/pricing.md")
    raw = reading("repos.getContent", **WEBSITE, path="docs/pricing.md", ref="new-price", mediaType={"format": "raw"})
    folder = reading("repos.getContent", **WEBSITE, path="")

    assert b"49 EUR" in base64.b64decode(file["content"])
    assert "59 EUR" in raw
    assert {each["path"]: each["type"] for each in folder}["src"] == "dir"
    assert refusal(reading, "repos.getContent", **WEBSITE, path="no/such")[0] == 404


def test_a_file_is_replaced_only_by_who_knows_it(github: Call) -> None:
    change = {**WEBSITE, "path": "README.md", "message": "Say more", "content": base64.b64encode(b"# New\n").decode()}
    sha = github("repos.getContent", **WEBSITE, path="README.md")["sha"]

    assert refusal(github, "repos.createOrUpdateFileContents", **change)[0] == 422
    assert refusal(github, "repos.createOrUpdateFileContents", **change, sha="0" * 40)[0] == 409
    github("repos.createOrUpdateFileContents", **change, sha=sha)
    assert base64.b64decode(github("repos.getContent", **WEBSITE, path="README.md")["content"]) == b"# New\n"
    assert refusal(github, "repos.createOrUpdateFileContents", **change, sha=sha)[0] == 409


def test_what_a_token_may_not_see_is_not_there(node: NodeClient, unchanged: Any) -> None:
    bob, alice = calls(node, unchanged, "user_bob"), calls(node, unchanged)

    assert refusal(bob, "repos.get", **PLATFORM)[0] == 404
    assert refusal(alice, "repos.get", owner="acme", repo="payroll")[0] == 404
    assert bob("repos.get", **WEBSITE)["permissions"] == {"pull": True, "push": False, "admin": False}
    status, said = refusal(
        bob, "repos.createOrUpdateFileContents", **WEBSITE, path="a.txt", message="x", content="eA=="
    )
    assert (status, said["message"]) == (403, "Must have push access to repository.")


def test_an_ended_token_is_refused(node: NodeClient, sandbox: Any) -> None:
    alice = calls(node, sandbox)
    sandbox.admin("POST", "/tokens/end", {"provider": "github"})
    status, said = refusal(alice, "users.getAuthenticated")
    assert (status, said["message"]) == (401, "Bad credentials")
