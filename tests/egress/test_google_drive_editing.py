"""Google Drive's tools that change files, and those of Sheets and Docs, against the sandbox."""

from typing import Any

import pytest

from data_files import lines
from egress_support import World, data, told
from pipes_api.reasons import Reason

pytestmark = pytest.mark.asyncio(loop_scope="module")

AUTH = "https://www.googleapis.com/auth/"
PRICING = {"spreadsheetId": "sheet-pricing"}


async def called(world: World, tool: str, **arguments: Any) -> Any:
    return data(await world.call("google-drive", tool, arguments))


async def rows(world: World, tool: str, **arguments: Any) -> list[Any]:
    found: list[Any] = (await called(world, tool, **arguments))["rows"]
    return found


async def text_of(world: World, file: str) -> str:
    text: str = (await world.call("google-drive", "read_document", {"fileId": file})).content[0]["text"]
    return text


async def test_sheets_are_listed_and_read_by_range(world: World) -> None:
    listed = await called(world, "list_sheets", **PRICING)
    read = await called(world, "read_range", **PRICING, range="'Old prices'!A:B")
    plain = await called(world, "read_range", **PRICING, range="Sheet1!B2:C3", render="UNFORMATTED_VALUE")
    nothing = await called(world, "read_range", **PRICING, range="Sheet1!F1:G9")
    calls = await world.sandbox.calls(service="google-drive")

    assert [each["properties"]["title"] for each in listed["rows"]] == ["Sheet1", "Discounts", "Old prices"]
    assert listed["title"] == "Pricing 2026"
    assert read["rows"] == [["plan", "price"], ["Starter", "39"], [], ["Notes", "were lower"]]
    assert plain["rows"] == [[5, 49], [25, 199]]
    assert nothing["rows"] == []
    assert {call["host"] for call in calls} == {"sheets.googleapis.com"}
    assert calls[1]["path"] == "/v4/spreadsheets/sheet-pricing/values/%27Old%20prices%27%21A%3AB"


async def test_a_long_range_is_cut_where_it_is_asked_to(world: World) -> None:
    result = await world.call("google-drive", "read_range", {**PRICING, "range": "Sheet1", "maxRows": 2})

    assert len(data(result)["rows"]) == 2
    assert "Read the rest by a range that begins further down." in told(result)


async def test_cells_are_written_and_rows_added(world: World) -> None:
    formula = "=SUM(C2:C4)"
    written = await called(world, "update_range", **PRICING, range="E1:F1", values=[["note", formula]])
    typed = await called(world, "update_range", **PRICING, range="E2", values=[[formula]], asTyped=True)
    added = await called(world, "append_rows", **PRICING, range="Discounts", values=[[1000, 20], [2000, 25]])

    assert (written["updatedRange"], typed["updatedCells"]) == ("Sheet1!E1:F1", 1)
    assert await rows(world, "read_range", **PRICING, range="E1:F2") == [["note", formula], ["1738"]]
    assert (added["tableRange"], added["updates"]["updatedRows"]) == ("Discounts!A1:B3", 2)
    assert (await rows(world, "read_range", **PRICING, range="Discounts"))[-1] == ["2000", "25"]


async def test_a_template_is_copied_filled_in_and_added_to(world: World) -> None:
    made = await called(
        world, "create_document", name="Template", content="Dear {{customer}},\n\nwelcome {{customer}}.\n"
    )
    copy = await called(world, "copy_file", fileId=made["id"], name="For O'Brien")
    filled = await called(
        world, "replace_in_document", documentId=copy["id"], find="{{customer}}", replacement="Pat {O'Brien}"
    )
    added = await world.call("google-drive", "append_to_document", {"documentId": copy["id"], "text": "\nYours, Alice"})
    calls = await world.sandbox.calls(host="docs.googleapis.com")

    assert filled["replies"] == [{"replaceAllText": {"occurrencesChanged": 2}}]
    assert f"at the end of the document {copy['id']}" in told(added)
    assert await text_of(world, copy["id"]) == "Dear Pat {O'Brien},\n\nwelcome Pat {O'Brien}.\nYours, Alice\n"
    assert "{{customer}}" in await text_of(world, made["id"])
    assert len(calls) == 2


async def test_a_file_is_renamed_moved_and_trashed(world: World) -> None:
    folder = await called(world, "create_folder", name="Archive")
    file = await called(world, "upload_file", name="old.txt", text="Old.")
    moved = await called(world, "update_file", fileId=file["id"], name="older.txt", folderId=folder["id"])
    inside = await rows(world, "list_folder", folderId=folder["id"])
    trashed = await called(world, "update_file", fileId=file["id"], trashed=True)
    left = await rows(world, "list_folder", folderId=folder["id"])

    assert (moved["name"], moved["parents"]) == ("older.txt", [folder["id"]])
    assert [each["name"] for each in inside] == ["older.txt"]
    assert (trashed["name"], trashed["trashed"]) == ("older.txt", True)
    assert left == []


async def test_a_file_is_shared_and_commented_on(world: World) -> None:
    shared = await called(
        world, "share_file", fileId="doc-obrien", emailAddress="bob@acme.example", role="commenter", notify=False
    )
    made = await called(world, "add_comment", fileId="doc-q3-review", content="Numbers are final.")
    comments = await rows(world, "list_comments", fileId="doc-q3-review")

    assert (shared["emailAddress"], shared["role"]) == ("bob@acme.example", "commenter")
    assert [each["content"] for each in comments] == ["Is the churn in here?", made["content"]]
    assert comments[0]["quotedFileContent"]["value"] == "12 percent"
    assert [each["content"] for each in comments[0]["replies"]] == ["Not yet."]


async def test_the_words_of_the_younger_apis_are_understood(world: World) -> None:
    no_range = await world.call("google-drive", "read_range", {**PRICING, "range": "Nothing!A1"})
    no_sheet = await world.call("google-drive", "read_range", {"spreadsheetId": "doc-obrien", "range": "A1"})
    not_there = await world.call("google-drive", "list_sheets", {"spreadsheetId": "nothing"})
    not_ours = await world.call("google-drive", "append_to_document", {"documentId": "doc-bob-private", "text": "x"})

    assert "Unable to parse range: Nothing!A1" in told(no_range)
    assert "get_file tells its kind" in told(no_sheet)
    assert "not visible to this connection" in told(not_there)
    assert "is not allowed to do this" in told(not_ours)


async def test_sheets_are_content_with_their_own_scope_and_no_other(world: World) -> None:
    await world.sandbox.change_account("data_installation_drive_alice", scopes=[f"{AUTH}spreadsheets.readonly"])
    read = await world.call("google-drive", "read_range", {**PRICING, "range": "A1"})
    refused = await world.call("google-drive", "update_range", {**PRICING, "range": "A1", "values": [["x"]]})
    searched = await world.call("google-drive", "search", {"query": "plan"})
    calls = await world.sandbox.calls(service="google-drive")
    await world.sandbox.change_account("data_installation_drive_alice", scopes=[f"{AUTH}drive"])

    assert not read.is_error
    assert refused.denial is not None
    assert refused.denial.reason is Reason.SCOPE_MISSING
    assert f"{AUTH}spreadsheets" in refused.denial.message
    assert searched.denial is not None
    assert f"{AUTH}drive.readonly" in searched.denial.message
    assert [call["method"] for call in calls] == ["GET"]


@pytest.mark.parametrize("value", [line for _, line in lines("path_params.txt")])
async def test_ranges_and_ids_stay_inside_their_segment(world: World, value: str) -> None:
    await world.call("google-drive", "read_range", {**PRICING, "range": value})
    await world.call("google-drive", "append_rows", {**PRICING, "range": value, "values": [[]]})
    await world.call("google-drive", "append_to_document", {"documentId": value, "text": "x"})
    await world.call("google-drive", "list_comments", {"fileId": value})

    for call in await world.sandbox.calls(service="google-drive"):
        allowed = {"sheets.googleapis.com": 5, "docs.googleapis.com": 3, "www.googleapis.com": 5}
        assert call["path"].count("/") == allowed[call["host"]]
        if call["method"] == "POST":
            assert call["path"].endswith((":append", ":batchUpdate"))


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("update_range", {**PRICING, "range": "A1", "values": []}),
        ("update_range", {**PRICING, "range": "A1", "values": [[{"formula": "=1"}]]}),
        ("share_file", {"fileId": "doc-obrien", "emailAddress": "bob@acme.example", "role": "owner"}),
        ("share_file", {"fileId": "doc-obrien", "emailAddress": "a@b.c, d@e.f", "role": "reader"}),
        ("share_file", {"fileId": "doc-obrien", "emailAddress": "a@b.c", "role": "reader", "type": "anyone"}),
        ("update_file", {"fileId": "doc-obrien"}),
        ("replace_in_document", {"documentId": "doc-obrien", "find": "", "replacement": "x"}),
    ],
)
async def test_what_google_would_refuse_is_not_sent(world: World, tool: str, arguments: dict[str, Any]) -> None:
    result = await world.call("google-drive", tool, arguments)

    assert result.is_error
    assert await world.sandbox.calls(service="google-drive") == []
