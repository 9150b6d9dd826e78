"""Google Drive's tools against the sandbox."""

from urllib.parse import parse_qs

import pytest

from data_files import lines
from egress_support import World, data, told

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def find(world: World, **arguments: object) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = data(await world.call("google-drive", "search", dict(arguments)))["rows"]
    return rows


async def test_search_reaches_shared_drives(world: World) -> None:
    found = await find(world, name="Board minutes")

    assert [each["driveId"] for each in found]
    (call,) = await world.sandbox.calls(service="google-drive")
    sent = parse_qs(call["query"])
    assert sent["supportsAllDrives"] == sent["includeItemsFromAllDrives"] == ["true"]
    assert sent["corpora"] == ["allDrives"]


async def test_one_shared_drive_can_be_searched(world: World) -> None:
    drive = str((await find(world, name="Board minutes"))[0]["driveId"])
    assert all(each["driveId"] == drive for each in await find(world, driveId=drive))


async def test_words_of_the_caller_stay_words(world: World) -> None:
    assert await find(world, query="x' or name contains 'Board", kind="document") == []
    (call,) = await world.sandbox.calls(service="google-drive")
    (q,) = parse_qs(call["query"])["q"]
    assert q.startswith(r"fullText contains 'x\' or name contains \'Board' and mimeType = ")


async def test_search_needs_something_to_search_for(world: World) -> None:
    assert (await world.call("google-drive", "search", {})).is_error


async def test_a_folder_is_listed_over_pages(world: World) -> None:
    rows = data(await world.call("google-drive", "list_folder", {"maxRows": 1_000}))["rows"]

    assert "folder" in str(rows[0]["mimeType"])
    assert len({each["id"] for each in rows}) == len(rows)


async def test_a_document_is_read_as_markdown(world: World) -> None:
    result = await world.call("google-drive", "read_document", {"fileId": "doc-q3-review"})

    assert result.content[0]["type"] == "text"
    assert len(result.content[0]["text"]) > 20
    calls = await world.sandbox.calls(service="google-drive")
    assert [call["path"].rpartition("/")[2] for call in calls] == ["doc-q3-review", "export"]
    assert "mimeType=text%2Fmarkdown" in calls[1]["query"]


async def test_a_sheet_is_read_as_csv(world: World) -> None:
    result = await world.call("google-drive", "read_document", {"fileId": "sheet-pricing"})

    assert "," in result.content[0]["text"]


async def test_an_image_comes_whole(world: World) -> None:
    result = await world.call("google-drive", "read_document", {"fileId": "png-logo"})

    assert result.content[0]["type"] == "image"
    assert result.content[0]["mimeType"] == "image/png"


async def test_a_long_text_comes_in_windows_that_join_up(world: World) -> None:
    text = "".join(f"line {number}\n" for number in range(15_000))
    made = data(await world.call("google-drive", "upload_file", {"name": "long.txt", "text": text}))
    first = await world.call("google-drive", "read_document", {"fileId": made["id"]})
    second = await world.call("google-drive", "read_document", {"fileId": made["id"], "offset": 100_000})

    assert "offset 100000" in told(first)
    assert first.content[0]["text"] + second.content[0]["text"] == text


async def test_a_folder_is_no_document(world: World) -> None:
    result = await world.call("google-drive", "read_document", {"fileId": "folder-sales"})

    assert result.is_error
    assert "list_folder" in told(result)


async def test_a_document_too_large_to_export_is_told_as_that(world: World) -> None:
    result = await world.call("google-drive", "read_document", {"fileId": "doc-huge"})

    assert result.is_error
    assert "10 MB" in told(result)


async def test_what_is_not_there_is_perhaps_only_not_visible(world: World) -> None:
    result = await world.call("google-drive", "get_file", {"fileId": "no-such-file"})

    assert result.is_error
    assert "not visible to this connection" in told(result)


async def test_a_document_is_created_and_read_back(world: World) -> None:
    made = data(await world.call("google-drive", "create_document", {"name": "Plan", "content": "# Title\n\nText"}))
    read = await world.call("google-drive", "read_document", {"fileId": made["id"]})

    assert made["mimeType"] == "application/vnd.google-apps.document"
    assert "Title" in read.content[0]["text"]


async def test_bytes_are_uploaded_as_they_are(world: World) -> None:
    made = data(
        await world.call(
            "google-drive", "upload_file", {"name": "a.bin", "mimeType": "application/octet-stream", "base64": "AAH/"}
        )
    )
    read = await world.call("google-drive", "read_document", {"fileId": made["id"]})

    assert read.content[0]["resource"]["blob"] == "AAH/"


async def test_an_upload_without_content_is_refused(world: World) -> None:
    result = await world.call("google-drive", "upload_file", {"name": "a", "mimeType": "text/csv"})

    assert result.is_error
    assert "base64, text" in told(result)


@pytest.mark.parametrize("value", [line for _, line in lines("path_params.txt")])
async def test_no_file_id_reaches_another_endpoint(world: World, value: str) -> None:
    result = await world.call("google-drive", "get_file", {"fileId": value})

    assert result.is_error
    assert await world.sandbox.calls(service="google-drive") == []
