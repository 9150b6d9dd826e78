"""Notion's own @notionhq/client and its Python sibling notion-client, pointed at the sandbox, work on a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from notion_client import APIResponseError, Client

from node_client import NodeClient, NodeError, node_client

SALES, REVIEW = "59833787-2cf9-4fdf-8782-e53db20768a5", "7c5a8f5e-0d5b-4a1f-9c55-2f1f6d7f0a01"
HANDBOOK, MINUTES = "c0ffee00-1111-4222-8333-444455556666", "deadbeef-0000-4000-8000-00000000d1a2"
DATABASE, RENEWALS = "248104cd-477e-80fd-b757-e945d38000bd", "248104cd-477e-80af-bc30-000bd28de8f9"
ALICE, BOB = "1a2b0000-0000-4000-8000-00000000a11c", "1a2b0000-0000-4000-8000-000000000b0b"
VERSION = "2026-03-11"


class Refused(Exception):  # noqa: N818 - reads as what happened
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


Call = Callable[..., Any]
"""`call("pages.retrieve", page_id=...)`: names as the JavaScript library has them."""


@pytest.fixture(scope="module")
def node() -> Iterator[NodeClient]:
    with node_client("notion.mjs") as client:
        yield client


def by_node(node: NodeClient, url: str, token: str, version: str = VERSION) -> Call:
    def call(name: str, **arguments: Any) -> Any:
        try:
            return node.call(name, arguments, url=url, token=token, version=version)
        except NodeError as error:
            raise Refused(error.data["status"], error.data["code"], error.data["message"]) from None

    return call


def by_python(url: str, token: str, version: str = VERSION) -> Call:
    client = Client(auth=token, base_url=url, notion_version=version, retry=False)

    def call(name: str, **arguments: Any) -> Any:
        target: Any = client
        for part in name.split("."):
            target = getattr(target, "".join(f"_{each.lower()}" if each.isupper() else each for each in part))
        try:
            return target(**arguments)
        except APIResponseError as error:
            raise Refused(error.status, str(getattr(error.code, "value", error.code)), str(error)) from None

    return call


@pytest.fixture(params=["python", pytest.param("node", marks=pytest.mark.node)])
def client(request: pytest.FixtureRequest) -> Callable[..., Call]:
    """Either library, for a URL, a token and a version."""
    if request.param == "python":
        return by_python
    node = request.getfixturevalue("node")
    return lambda *arguments: by_node(node, *arguments)


@pytest.fixture
def notion(client: Callable[..., Call], sandbox: Any) -> Call:
    return client(sandbox.url, sandbox.token("notion"))


@pytest.fixture
def reading(client: Callable[..., Call], unchanged: Any) -> Call:
    return client(unchanged.url, unchanged.token("notion"))


def refusal(call: Call, name: str, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        call(name, **arguments)
    return caught.value.status, caught.value.code


def every(call: Call, name: str, **arguments: Any) -> list[Any]:
    """All pages of a list."""
    found: list[Any] = []
    answer = call(name, **arguments)
    while True:
        found += answer["results"]
        if not answer["has_more"]:
            return found
        answer = call(name, start_cursor=answer["next_cursor"], **arguments)


def rich(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": {"content": text}}]


def test_search_finds_titles_of_what_was_shared(reading: Call) -> None:
    found = reading("search", query="revenue")["results"]
    assert [(each["object"], each["id"]) for each in found] == [("page", REVIEW)]
    sources = reading("search", filter={"property": "object", "value": "data_source"})["results"]
    assert RENEWALS in [each["id"] for each in sources]
    assert reading("search", query="minutes")["results"] == []


def test_search_is_paged_to_its_end(reading: Call) -> None:
    found = every(reading, "search", query="customer", page_size=100)
    assert len({each["id"] for each in found}) == len(found) == 240


def test_a_database_leads_to_its_data_source_and_that_to_its_schema(reading: Call) -> None:
    (source,) = reading("databases.retrieve", database_id=DATABASE)["data_sources"]
    schema = reading("dataSources.retrieve", data_source_id=source["id"])["properties"]
    assert source["id"] == RENEWALS
    assert schema["Customer"]["id"] == "title"
    assert [each["name"] for each in schema["Stage"]["status"]["options"]] == ["Not started", "In progress", "Done"]


@pytest.mark.parametrize(
    ("filter_", "count"),
    [
        (None, 240),
        ({"property": "Stage", "status": {"equals": "Done"}}, 60),
        ({"property": "Amount", "number": {"greater_than": 1000}}, 96),
        ({"property": "Tags", "multi_select": {"contains": "risk"}}, 60),
        ({"property": "Customer", "title": {"starts_with": "customer 00"}}, 10),
        ({"property": "Due", "date": {"on_or_after": "2027-01-15"}}, 160),
        ({"property": "Signed", "checkbox": {"equals": True}}, 80),
        ({"property": "Owner", "people": {"contains": BOB}}, 120),
        ({"property": "Tags", "multi_select": {"is_empty": True}}, 60),
        (
            {
                "and": [
                    {"property": "Plan", "select": {"equals": "Team"}},
                    {
                        "or": [
                            {"property": "Amount", "number": {"less_than": 100}},
                            {"property": "Notes", "rich_text": {"contains": "customer 1"}},
                        ]
                    },
                ]
            },
            47,
        ),
    ],
)
def test_a_data_source_is_queried(reading: Call, filter_: Any, count: int) -> None:
    more = {} if filter_ is None else {"filter": filter_}
    assert len(every(reading, "dataSources.query", data_source_id=RENEWALS, **more)) == count


def test_rows_come_in_the_order_asked_for(reading: Call) -> None:
    rows = reading(
        "dataSources.query",
        data_source_id=RENEWALS,
        sorts=[{"property": "Amount", "direction": "descending"}, {"property": "Customer", "direction": "ascending"}],
        page_size=2,
    )["results"]
    titles = [each["properties"]["Customer"]["title"][0]["plain_text"] for each in rows]
    assert titles == ["Customer 002", "Customer 007"]
    assert rows[0]["properties"]["Amount"]["number"] == 9000


def test_a_page_is_made_filled_changed_and_read_back(notion: Call) -> None:
    made = notion(
        "pages.create",
        parent={"page_id": SALES},
        properties={"title": {"title": rich("Notes")}},
        markdown="# Today\n- [ ] call O'Brien\nThe end.",
    )
    notion("blocks.children.append", block_id=made["id"], children=[{"paragraph": {"rich_text": rich("More.")}}])
    edit = {"content_updates": [{"old_str": "[ ] call", "new_str": "[x] call"}]}
    changed = notion("pages.updateMarkdown", page_id=made["id"], type="update_content", update_content=edit)
    read = notion("pages.retrieveMarkdown", page_id=made["id"])
    kinds = [each["type"] for each in every(notion, "blocks.children.list", block_id=made["id"])]

    assert read["markdown"] == changed["markdown"] == "# Today\n- [x] call O'Brien\nThe end.\nMore."
    assert kinds == ["heading_1", "to_do", "paragraph", "paragraph"]
    assert notion("search", query="notes")["results"][0]["id"] == made["id"]
    assert "Notes</page>" in notion("pages.retrieveMarkdown", page_id=SALES)["markdown"]


def test_an_entry_is_made_changed_and_put_into_the_bin(notion: Call) -> None:
    made = notion(
        "pages.create",
        parent={"type": "data_source_id", "data_source_id": RENEWALS},
        properties={
            "Customer": {"title": rich("Zed")},
            "Stage": {"status": {"name": "Done"}},
            "Amount": {"number": 5},
            "Due": {"date": {"start": "2027-05-01"}},
            "Tags": {"multi_select": [{"name": "new tag"}]},
        },
    )
    notion("pages.update", page_id=made["id"], properties={"Amount": {"number": 7}, "Signed": {"checkbox": True}})
    wanted = {"property": "Customer", "title": {"equals": "Zed"}}
    (row,) = notion("dataSources.query", data_source_id=RENEWALS, filter=wanted)["results"]
    notion("pages.update", page_id=made["id"], in_trash=True)

    assert (row["properties"]["Amount"]["number"], row["properties"]["Signed"]["checkbox"]) == (7, True)
    assert row["parent"]["database_id"] == DATABASE
    assert notion("dataSources.query", data_source_id=RENEWALS, filter=wanted)["results"] == []


def test_comments_are_read_and_written(notion: Call) -> None:
    made = notion("comments.create", parent={"page_id": REVIEW}, rich_text=rich("Yes, on page 4."))
    texts = [each["rich_text"][0]["plain_text"] for each in notion("comments.list", block_id=REVIEW)["results"]]
    assert texts == ["Is churn in these numbers?", "Yes, on page 4."]
    assert made["created_by"]["id"] == ALICE


def test_people_are_listed(reading: Call) -> None:
    assert [each["person"]["email"] for each in reading("users.list")["results"]][:2] == [
        "alice@acme.example",
        "bob@acme.example",
    ]
    assert reading("users.me")["type"] == "bot"


def test_refusals_are_notions_own(notion: Call) -> None:
    def row(**values: Any) -> dict[str, Any]:
        return {"parent": {"data_source_id": RENEWALS}, "properties": values}

    assert refusal(notion, "pages.retrieve", page_id=MINUTES) == (404, "object_not_found")
    assert refusal(notion, "pages.retrieve", page_id="nothing") == (400, "validation_error")
    assert refusal(notion, "pages.create", **row(Nope={"number": 1})) == (400, "validation_error")
    assert refusal(notion, "pages.create", **row(Amount={"number": "x"})) == (400, "validation_error")
    assert refusal(notion, "pages.create", **row(Stage={"status": {"name": "Lost"}})) == (400, "validation_error")
    assert refusal(notion, "pages.create", **row(Plan={"select": {"name": "a, b"}})) == (400, "validation_error")
    wrong = {"property": "Amount", "select": {"equals": "x"}}
    assert refusal(notion, "dataSources.query", data_source_id=RENEWALS, filter=wrong) == (400, "validation_error")
    long = {"parent": {"page_id": REVIEW}, "rich_text": rich("x" * 2001)}
    assert refusal(notion, "comments.create", **long) == (400, "validation_error")
    children = [{"paragraph": {"rich_text": rich("x")}}] * 101
    assert refusal(notion, "blocks.children.append", block_id=REVIEW, children=children) == (400, "validation_error")
    lost = {"new_str": "All gone"}
    assert refusal(notion, "pages.updateMarkdown", page_id=SALES, type="replace_content", replace_content=lost) == (
        400,
        "validation_error",
    )


def test_capabilities_and_sharing_bound_a_connection(client: Callable[..., Call], unchanged: Any) -> None:
    bob = client(unchanged.url, unchanged.token("notion", "user_bob"))
    assert bob("pages.retrieve", page_id=HANDBOOK)["id"] == HANDBOOK
    assert refusal(bob, "pages.retrieve", page_id=REVIEW) == (404, "object_not_found")
    assert refusal(bob, "pages.update", page_id=HANDBOOK, in_trash=True) == (403, "restricted_resource")
    assert refusal(bob, "users.list") == (403, "restricted_resource")


def test_versions_and_tokens_are_checked(client: Callable[..., Call], sandbox: Any) -> None:
    token = sandbox.token("notion")
    older = client(sandbox.url, token, "2025-09-03")
    assert older("pages.retrieve", page_id=REVIEW)["id"] == REVIEW
    assert refusal(older, "pages.retrieveMarkdown", page_id=REVIEW)[0] == 400
    assert refusal(client(sandbox.url, token, "2022-06-28"), "pages.retrieve", page_id=REVIEW)[0] == 400
    assert sandbox.provider("notion", "GET", "/v1/users/me", token=token).json()["code"] == "missing_version"
    sandbox.admin("POST", "/tokens/end", {"provider": "notion"})
    assert refusal(client(sandbox.url, token), "users.me") == (401, "unauthorized")
