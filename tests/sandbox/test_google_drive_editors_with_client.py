"""google-api-python-client reads and changes spreadsheets, documents and comments in the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from google_client import google, reason

PRICING = {"spreadsheetId": "sheet-pricing"}


@contextmanager
def values_of(sandbox: Any, user: str = "user_alice") -> Iterator[Any]:
    with google(sandbox.url, "sheets", "v4", sandbox.token("google-drive", user)) as service:
        yield service.spreadsheets().values()


@pytest.fixture
def values(sandbox: Any) -> Iterator[Any]:
    with values_of(sandbox) as made:
        yield made


@pytest.fixture
def docs(sandbox: Any) -> Iterator[Any]:
    with google(sandbox.url, "docs", "v1", sandbox.token("google-drive")) as service:
        yield service.documents()


def told(refusal: Any) -> tuple[int, str]:
    """These APIs tell the canonical word only."""
    error = json.loads(refusal.value.content)["error"]
    assert "errors" not in error
    return error["code"], error["status"]


def text_of(docs: Any, document: str) -> str:
    content = docs.get(documentId=document).execute()["body"]["content"]
    elements = (run for each in content for run in each.get("paragraph", {}).get("elements", ()))
    return "".join(each["textRun"]["content"] for each in elements)


def test_the_client_pointed_straight_at_the_sandbox_lists_sheets(unchanged: Any) -> None:
    credentials, options = Credentials(token=unchanged.token("google-drive")), {"api_endpoint": unchanged.url}
    with build("sheets", "v4", credentials=credentials, client_options=options, static_discovery=True) as service:
        answer = (
            service.spreadsheets().get(**PRICING, fields="properties.title,sheets.properties(title,index)").execute()
        )
    assert answer["sheets"][2] == {"properties": {"title": "Old prices", "index": 2}}
    assert answer["properties"] == {"title": "Pricing 2026"}


@pytest.mark.parametrize(
    ("where", "told_as", "rows"),
    [
        ("Sheet1!A1:B2", "Sheet1!A1:B2", [["plan", "seats"], ["Starter", "5"]]),
        ("A4", "Sheet1!A4", [["Enterprise, EU"]]),
        ("Sheet1!C2:C", "Sheet1!C2:C1000", [["49"], ["199"], ["1490"]]),
        ("Discounts", "Discounts!A1:Z1000", [["seats", "percent"], ["100", "10"], ["500", "15"]]),
        ("'Old prices'!A2:B9", "'Old prices'!A2:B9", [["Starter", "39"], [], ["Notes", "were lower"]]),
        ("Sheet1!F1:G9", "Sheet1!F1:G9", None),
    ],
)
def test_ranges_are_read(values: Any, where: str, told_as: str, rows: Any) -> None:
    answer = values.get(**PRICING, range=where).execute()
    assert (answer["range"], answer.get("values")) == (told_as, rows)


@pytest.mark.parametrize("where", ["Nothing!A1", "Sheet1!??", "B2:A1", "A1:B2:C3"])
def test_a_range_that_is_none_is_refused(values: Any, where: str) -> None:
    with pytest.raises(HttpError) as refusal:
        values.get(**PRICING, range=where).execute()
    assert told(refusal) == (400, "INVALID_ARGUMENT")


def test_cells_are_written_and_read_in_three_ways(values: Any) -> None:
    body = {"values": [["total", None, "=SUM(C2:C4)"]]}
    written = values.update(**PRICING, range="A6:C6", valueInputOption="USER_ENTERED", body=body).execute()
    assert (written["updatedRange"], written["updatedCells"]) == ("Sheet1!A6:C6", 3)
    values.update(**PRICING, range="A7", valueInputOption="RAW", body={"values": [["=SUM(C2:C4)", True]]}).execute()
    read = {
        render: values.get(**PRICING, range="A6:C7", valueRenderOption=render).execute()["values"]
        for render in ("FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")
    }
    assert read["FORMATTED_VALUE"] == [["total", "", "1738"], ["=SUM(C2:C4)", "TRUE"]]
    assert read["UNFORMATTED_VALUE"][0] == ["total", "", 1738]
    assert read["FORMULA"][0] == ["total", "", "=SUM(C2:C4)"]


def test_rows_are_added_below_the_table(values: Any) -> None:
    body = {"values": [["Trial", 1, 0]]}
    options = {"valueInputOption": "RAW", "insertDataOption": "INSERT_ROWS"}
    added = values.append(**PRICING, range="Sheet1", body=body, **options).execute()
    assert (added["tableRange"], added["updates"]["updatedRange"]) == ("Sheet1!A1:C4", "Sheet1!A5:C5")
    values.append(**PRICING, range="'Old prices'!A1", body={"values": [["Team", 99]]}, **options).execute()
    read = values.get(**PRICING, range="Old prices").execute()["values"]
    assert read == [["plan", "price"], ["Starter", "39"], ["Team", "99"], [], ["Notes", "were lower"]]


@pytest.mark.parametrize(
    ("where", "options", "rows"),
    [
        ("A1:B1", {"valueInputOption": "RAW"}, [[1, 2, 3]]),
        ("A1", {}, [[1]]),
        ("A1", {"valueInputOption": "RAW"}, [[{"a": 1}]]),
    ],
)
def test_values_that_do_not_fit_are_refused(values: Any, where: str, options: Any, rows: Any) -> None:
    with pytest.raises(HttpError) as refusal:
        values.update(**PRICING, range=where, body={"values": rows}, **options).execute()
    assert told(refusal) == (400, "INVALID_ARGUMENT")


def test_only_what_is_a_spreadsheet_and_visible_is_opened(values: Any, sandbox: Any) -> None:
    for name, expected in (
        ("doc-q3-review", (400, "FAILED_PRECONDITION")),
        ("nothing", (404, "NOT_FOUND")),
        ("doc-bob-private", (403, "PERMISSION_DENIED")),
    ):
        with pytest.raises(HttpError) as refusal:
            values.get(spreadsheetId=name, range="A1").execute()
        assert told(refusal) == expected
    with values_of(sandbox, "user_bob") as bob:
        assert bob.get(spreadsheetId="sheet-budget", range="A2").execute()["values"] == [["Sales"]]
        with pytest.raises(HttpError) as refusal:
            bob.update(
                spreadsheetId="sheet-budget", range="A2", valueInputOption="RAW", body={"values": [[1]]}
            ).execute()
        assert told(refusal) == (403, "PERMISSION_DENIED")
        assert "insufficient_scope" in refusal.value.resp["www-authenticate"]


def test_text_is_added_at_the_end_and_replaced(docs: Any) -> None:
    requests = [
        {"insertText": {"endOfSegmentLocation": {}, "text": "\nFor {{customer}}."}},
        {"replaceAllText": {"containsText": {"text": "{{CUSTOMER}}", "matchCase": False}, "replaceText": "O'Brien"}},
        {"replaceAllText": {"containsText": {"text": "nowhere", "matchCase": True}, "replaceText": "x"}},
    ]
    answer = docs.batchUpdate(documentId="doc-obrien", body={"requests": requests}).execute()
    assert answer["replies"] == [{}, {"replaceAllText": {"occurrencesChanged": 1}}, {"replaceAllText": {}}]
    assert text_of(docs, "doc-obrien").rstrip("\n").endswith("agreement.\nFor O'Brien.")


def test_all_changes_are_made_or_none(docs: Any) -> None:
    before = text_of(docs, "doc-obrien")
    requests = [{"insertText": {"endOfSegmentLocation": {}, "text": "x"}}, {"insertText": {"text": ""}}]
    with pytest.raises(HttpError) as refusal:
        docs.batchUpdate(documentId="doc-obrien", body={"requests": requests}).execute()
    assert told(refusal) == (400, "INVALID_ARGUMENT")
    assert text_of(docs, "doc-obrien") == before


def test_comments_are_listed_and_made(sandbox: Any) -> None:
    with google(sandbox.url, "drive", "v3", sandbox.token("google-drive")) as service:
        comments = service.comments()
        (first,) = comments.list(fileId="doc-q3-review", fields="comments(content,replies(content))").execute()[
            "comments"
        ]
        assert first == {"content": "Is the churn in here?", "replies": [{"content": "Not yet."}]}
        made = comments.create(fileId="doc-q3-review", fields="id,content", body={"content": "It is now."}).execute()
        assert made["content"] == "It is now."
        (page,) = comments.list(fileId="doc-q3-review", fields="*", pageSize=1).execute()["comments"]
        assert page["author"]["displayName"] == "Bob"
        with pytest.raises(HttpError) as refusal:
            comments.list(fileId="doc-q3-review").execute()
        assert reason(refusal) == (400, "required")
