"""Notion's tools against the sandbox."""

from typing import Any

import msgspec
import pytest

from data_files import lines
from egress_support import World, data, granted, told
from pipes_api.grant import GrantedBinding
from pipes_api.resources import Access, Connection
from pipes_egress.call import ToolResult

pytestmark = pytest.mark.asyncio(loop_scope="module")

SALES, REVIEW = "59833787-2cf9-4fdf-8782-e53db20768a5", "7c5a8f5e-0d5b-4a1f-9c55-2f1f6d7f0a01"
HANDBOOK, MINUTES = "c0ffee00-1111-4222-8333-444455556666", "deadbeef-0000-4000-8000-00000000d1a2"
DATABASE, RENEWALS = "248104cd-477e-80fd-b757-e945d38000bd", "248104cd-477e-80af-bc30-000bd28de8f9"


def of_bob() -> GrantedBinding:
    """An integration that may only read."""
    return granted("notion", connection=Connection(user_id="user_bob"), account="data_installation_notion_bob")


async def notion(world: World, tool: str, **arguments: Any) -> ToolResult:
    return await world.call("notion", tool, arguments)


async def rows(world: World, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(await notion(world, tool, **arguments))["rows"]
    return found


async def page(world: World, **arguments: Any) -> str:
    """The id of a new page."""
    made = await notion(world, "create_page", parentPageId=SALES, title="Notes", **arguments)
    key: str = data(made)["id"]
    return key


async def written(world: World, key: str) -> str:
    text: str = (await notion(world, "read_page", pageId=key)).content[0]["text"]
    return text


async def test_a_search_gives_what_the_other_tools_take(world: World) -> None:
    (hit,) = await rows(world, "search", query="revenue review")
    sources = await rows(world, "search", kind="data_source")

    assert hit["id"] == REVIEW
    assert "annotations" not in str(hit)
    assert RENEWALS in [each["id"] for each in sources]
    (call, _) = await world.sandbox.calls(service="notion")
    assert msgspec.json.decode(call["body"]) == {"query": "revenue review", "page_size": 50}
    assert call["headers"]["Notion-Version"] == "2026-03-11"


async def test_pages_are_read_until_there_is_enough(world: World) -> None:
    result = await notion(world, "search", query="customer", maxRows=120)

    assert len({each["id"] for each in data(result)["rows"]}) == 120
    assert "there are more" in told(result)
    assert len(await world.sandbox.calls(service="notion")) == 3


async def test_a_page_is_read_as_markdown_and_by_its_properties(world: World) -> None:
    properties = data(await notion(world, "get_page", pageId=REVIEW))

    assert "- [ ] Explain churn of small accounts" in await written(world, REVIEW.replace("-", ""))
    assert properties["properties"]["title"]["title"][0]["plain_text"] == "Q3 revenue review"


async def test_a_database_leads_to_a_data_source_and_its_schema(world: World) -> None:
    database = data(await notion(world, "describe_data_source", databaseId=DATABASE))
    source = data(await notion(world, "describe_data_source", dataSourceId=database["data_sources"][0]["id"]))

    assert source["properties"]["Amount"]["type"] == "number"
    assert source["title"] == [{"plain_text": "Renewals"}]
    assert (await notion(world, "describe_data_source")).is_error
    assert (await notion(world, "describe_data_source", databaseId=DATABASE, dataSourceId=RENEWALS)).is_error


async def test_a_data_source_is_filtered_sorted_and_narrowed_to_some_properties(world: World) -> None:
    schema = data(await notion(world, "describe_data_source", dataSourceId=RENEWALS))["properties"]
    found = await rows(
        world,
        "query_data_source",
        dataSourceId=RENEWALS,
        filter={
            "and": [
                {"property": "Stage", "status": {"equals": "Done"}},
                {"property": "Amount", "number": {"greater_than": 1000}},
            ]
        },
        sorts=[{"property": "Amount", "direction": "descending"}],
        properties=[schema["Amount"]["id"], "title"],
        maxRows=1000,
    )

    assert len(found) == 24
    assert {frozenset(each["properties"]) for each in found} == {frozenset({"Amount", "Customer"})}
    amounts = [each["properties"]["Amount"]["number"] for each in found]
    assert amounts == sorted(amounts, reverse=True)


async def test_what_is_too_much_with_all_properties_is_had_with_few(world: World) -> None:
    every = await notion(world, "query_data_source", dataSourceId=RENEWALS, maxRows=1000)
    few = await rows(world, "query_data_source", dataSourceId=RENEWALS, properties=["title"], maxRows=1000)

    assert len(data(every)["rows"]) < 240
    assert "name fewer properties" in told(every)
    assert len({each["id"] for each in few}) == 240


async def test_a_page_is_made_edited_and_added_to(world: World) -> None:
    key = await page(world, markdown="# Today\n- [ ] call O'Brien")
    edits = [{"old": "[ ]", "new": "[x]"}, {"old": "Today", "new": "Yesterday"}]
    edited = await notion(world, "edit_page", pageId=key, edits=edits)
    added = await notion(world, "append_to_page", pageId=key, text="One.\n\nTwo {braces}.")
    await notion(world, "append_to_page", pageId=key, text="a\n\nb", **{"as": "list"})

    assert edited.access is Access.WRITE
    assert "was added" in told(added)
    assert await written(world, key) == "# Yesterday\n- [x] call O'Brien\nOne.\nTwo {braces}.\n- a\n- b"


async def test_long_text_is_sent_in_pieces_that_notion_takes(world: World) -> None:
    text = "ä😀" * 3_000
    key = await page(world)
    result = await notion(world, "append_to_page", pageId=key, text=text)

    assert not result.is_error, told(result)
    assert await written(world, key) == text


async def test_a_long_page_is_read_in_windows_that_join_up(world: World) -> None:
    text = "\n".join(f"line {number}" for number in range(15_000))
    key = await page(world, markdown=text)
    first = await notion(world, "read_page", pageId=key)
    second = await notion(world, "read_page", pageId=key, offset=100_000)

    assert "offset 100000" in told(first)
    assert first.content[0]["text"] + second.content[0]["text"] == text


async def test_parts_that_notion_left_out_are_told(world: World) -> None:
    body = {"object": "page_markdown", "id": REVIEW, "markdown": "Only this", "truncated": True}
    await world.sandbox.fault(match={"path": "/v1/pages/*/markdown"}, status=200, body=body)
    result = await notion(world, "read_page", pageId=REVIEW)

    assert result.content[0]["text"] == "Only this"
    assert "left parts out" in told(result)


async def test_a_page_within_a_page_is_never_edited_away(world: World) -> None:
    child = await page(world)
    line = next(each for each in (await written(world, SALES)).splitlines() if child.replace("-", "") in each)
    result = await notion(world, "edit_page", pageId=SALES, edits=[{"old": line, "new": ""}])

    assert result.is_error
    assert "would delete 1 child page" in told(result)
    assert child.replace("-", "") in await written(world, SALES)


async def test_an_entry_is_made_changed_and_put_into_the_trash_and_out(world: World) -> None:
    properties = {"Customer": {"title": [{"text": {"content": "Zed"}}]}, "Stage": {"status": {"name": "Done"}}}
    made = data(await notion(world, "create_entry", dataSourceId=RENEWALS, properties=properties))
    changed = data(await notion(world, "update_page", pageId=made["id"], properties={"Amount": {"number": 7}}))
    trashed = data(await notion(world, "update_page", pageId=made["id"], inTrash=True))
    zed = {"property": "Customer", "title": {"equals": "Zed"}}
    gone = await rows(world, "query_data_source", dataSourceId=RENEWALS, filter=zed)
    await notion(world, "update_page", pageId=made["id"], inTrash=False)
    back = await rows(world, "query_data_source", dataSourceId=RENEWALS, filter=zed)

    assert changed["properties"]["Amount"]["number"] == 7
    assert changed["properties"]["Stage"]["status"]["name"] == "Done"
    assert trashed["in_trash"] is True
    assert gone == []
    assert [each["id"] for each in back] == [made["id"]]


async def test_comments_are_written_and_listed(world: World) -> None:
    made = data(await notion(world, "add_comment", pageId=REVIEW, text="x" * 2_500))
    comments = await rows(world, "list_comments", pageId=REVIEW)

    assert comments[-1]["id"] == made["id"]
    assert [len(each["plain_text"]) for each in comments[-1]["rich_text"]] == [2_000, 500]


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("read_page", {"pageId": MINUTES}, "not found in Notion, or not visible to this connection"),
        (
            "query_data_source",
            {"dataSourceId": RENEWALS, "filter": {"property": "Nope", "number": {"equals": 1}}},
            "Nope",
        ),
        ("create_entry", {"dataSourceId": RENEWALS, "properties": {"Amount": {"number": "x"}}}, "Amount"),
        ("edit_page", {"pageId": REVIEW, "edits": [{"old": "nowhere", "new": "x"}]}, "Could not find old_str"),
    ],
)
async def test_errors_are_notions_own_words(world: World, tool: str, arguments: dict[str, Any], sentence: str) -> None:
    result = await notion(world, tool, **arguments)

    assert result.is_error
    assert sentence in told(result)


async def test_a_missing_capability_is_told_apart_from_what_is_not_shared(world: World) -> None:
    write = await world.call("notion", "update_page", {"pageId": HANDBOOK, "inTrash": True}, granted=of_bob())
    read = await world.call("notion", "read_page", {"pageId": REVIEW}, granted=of_bob())

    assert "lacks a capability" in told(write)
    assert "was shared with the connection" in told(read)


async def test_a_search_is_repeated_and_a_creation_is_not(world: World) -> None:
    await world.sandbox.fault(match={"path": "/v1/search"}, times=1, status=502)
    assert await rows(world, "search", query="handbook")

    await world.sandbox.fault(match={"path": "/v1/pages"}, stage="after", effect="reset")
    result = await notion(world, "create_page", parentPageId=HANDBOOK, title="Once only")
    await world.sandbox.clear()
    assert "not known" in told(result)
    assert len(await rows(world, "search", query="once only")) == 1


@pytest.mark.parametrize("value", [line for _, line in lines("path_params.txt")])
async def test_no_id_reaches_another_endpoint(world: World, value: str) -> None:
    for tool in ("read_page", "get_page", "query_data_source", "append_to_page"):
        name = "dataSourceId" if tool == "query_data_source" else "pageId"
        more = {"text": "x"} if tool == "append_to_page" else {}
        assert (await world.call("notion", tool, {name: value, **more})).is_error
    assert await world.sandbox.calls(service="notion") == []
