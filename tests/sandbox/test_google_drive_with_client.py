"""google-api-python-client finds, reads and writes documents in the sandbox."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaInMemoryUpload, MediaIoBaseDownload

from google_client import google, reason

ALL = {"supportsAllDrives": True, "includeItemsFromAllDrives": True}
DOCUMENT = "application/vnd.google-apps.document"
READONLY = "https://www.googleapis.com/auth/drive.readonly"


def client(sandbox: Any, token: str) -> Any:
    return google(sandbox.url, "drive", "v3", token)


@pytest.fixture
def drive(sandbox: Any) -> Iterator[Any]:
    with client(sandbox, sandbox.token("google-drive")) as service:
        yield service


@pytest.fixture
def reading(unchanged: Any) -> Iterator[Any]:
    with client(unchanged, unchanged.token("google-drive")) as service:
        yield service


def found(service: Any, q: str, **more: Any) -> list[str]:
    return sorted(file["id"] for file in service.files().list(q=q, pageSize=1000, **more).execute()["files"])


def test_the_client_pointed_straight_at_the_sandbox_lists_files(unchanged: Any) -> None:
    endpoint = f"{unchanged.url}/drive/v3/"
    credentials = Credentials(token=unchanged.token("google-drive"))
    with build(
        "drive", "v3", credentials=credentials, client_options={"api_endpoint": endpoint}, static_discovery=True
    ) as service:
        answer = service.files().list(pageSize=1).execute()
    assert answer["kind"] == "drive#fileList"
    assert set(answer["files"][0]) == {"kind", "id", "name", "mimeType"}


@pytest.mark.parametrize(
    ("q", "ids"),
    [
        ("name = 'Pricing 2026'", ["sheet-pricing"]),
        ("name contains 'rev'", ["doc-q3-review", "shortcut-review"]),
        ("name contains 'evenue'", []),
        ("name = 'O\\'Brien renewal'", ["doc-obrien"]),
        ("fullText contains 'churn'", ["doc-q3-review"]),
        ("fullText contains '\"data processing agreement\"'", ["doc-obrien"]),
        ("fullText contains '\"agreement processing\"'", []),
        ("mimeType = 'application/vnd.google-apps.folder'", ["folder-sales"]),
        ("mimeType contains 'image/'", ["png-logo"]),
        ("'folder-sales' in parents", ["doc-obrien", "doc-q3-review", "sheet-pricing"]),
        ("'folder-sales' in parents and not starred = true", ["doc-q3-review", "sheet-pricing"]),
        ("modifiedTime > '2026-10-15T00:00:00' and trashed = false", ["doc-obrien"]),
        ("modifiedTime < '2026-07-02T00:00:00Z' and mimeType = 'text/plain'", ["text-notes"]),
        ("trashed = true", ["doc-old-plan"]),
        ("sharedWithMe", ["doc-bob-shared"]),
        ("'bob@acme.example' in owners", ["doc-bob-shared"]),
        ("'bob@acme.example' in readers", ["doc-bob-shared", "doc-q3-review"]),
        ("'me' in owners and name = 'notes.txt'", ["text-notes"]),
        ("(name = 'logo.png' or name = 'notes.txt') and mimeType contains 'text/'", ["text-notes"]),
        ("name = 'logo.png' or name = 'notes.txt' and mimeType contains 'text/'", ["text-notes"]),
    ],
)
def test_the_query_language_is_evaluated(reading: Any, q: str, ids: list[str]) -> None:
    assert found(reading, q) == ids


@pytest.mark.parametrize(
    "q", ["name", "name contains", "name ~ 'x'", "name = 'x", "colour = 'red'", "name = 'a' name = 'b'", "(name = 'a'"]
)
def test_a_malformed_query_is_refused(reading: Any, q: str) -> None:
    with pytest.raises(HttpError) as refusal:
        reading.files().list(q=q).execute()
    assert reason(refusal) == (400, "invalid")
    assert json.loads(refusal.value.content)["error"]["errors"][0]["location"] == "q"


def test_pages_follow_each_other_and_tokens_belong_to_their_query(reading: Any) -> None:
    request = reading.files().list(
        q="name contains 'Weekly'", pageSize=50, orderBy="name", fields="nextPageToken,files(id)"
    )
    seen, sizes = [], []
    while request is not None:
        answer = request.execute()
        sizes.append(len(answer["files"]))
        seen += [file["id"] for file in answer["files"]]
        last, request = answer, reading.files().list_next(request, answer)
        if len(sizes) == 1:
            token = answer["nextPageToken"]
    assert sizes == [50, 50, 30]
    assert seen == [f"report-{number:03d}" for number in range(1, 131)]
    assert "nextPageToken" not in last
    with pytest.raises(HttpError) as refusal:
        reading.files().list(q="name contains 'Other'", pageToken=token).execute()
    assert reason(refusal) == (400, "invalid")
    with pytest.raises(HttpError) as refusal:
        reading.files().list(pageSize=1001).execute()
    assert refusal.value.status_code == 400


def test_sorting_is_refused_with_full_text(reading: Any) -> None:
    with pytest.raises(HttpError) as refusal:
        reading.files().list(q="fullText contains 'plan'", orderBy="name").execute()
    assert refusal.value.status_code == 403


def test_fields_cut_the_answer_and_unknown_ones_are_refused(reading: Any) -> None:
    answer = (
        reading.files().get(fileId="doc-q3-review", fields="id,owners/emailAddress,capabilities(canEdit)").execute()
    )
    assert answer == {
        "id": "doc-q3-review",
        "owners": [{"emailAddress": "alice@acme.example"}],
        "capabilities": {"canEdit": True},
    }
    whole = reading.files().get(fileId="doc-q3-review", fields="*").execute()
    assert {"modifiedTime", "permissions", "webViewLink"} <= set(whole)
    with pytest.raises(HttpError) as refusal:
        reading.files().list(fields="files(id,colour)").execute()
    assert reason(refusal) == (400, "invalidParameter")


def test_a_shared_drive_is_invisible_without_its_flags(reading: Any) -> None:
    q = "fullText contains 'revenue'"
    assert "doc-board-minutes" not in found(reading, q)
    assert "doc-board-minutes" not in found(reading, q, **ALL)
    assert "doc-board-minutes" in found(reading, q, corpora="allDrives", **ALL)
    in_drive = found(reading, q, corpora="drive", driveId="0AFinanceUk9PVA", **ALL)
    assert in_drive == ["doc-board-minutes"]
    with pytest.raises(HttpError) as refusal:
        reading.files().list(corpora="allDrives").execute()
    assert refusal.value.status_code == 403
    with pytest.raises(HttpError) as refusal:
        reading.files().list(driveId="0AFinanceUk9PVA", corpora="allDrives", **ALL).execute()
    assert refusal.value.status_code == 400
    with pytest.raises(HttpError) as refusal:
        reading.files().get(fileId="doc-board-minutes").execute()
    assert reason(refusal) == (404, "notFound")
    assert reading.files().get(fileId="doc-board-minutes", supportsAllDrives=True).execute()["name"] == "Board minutes"
    assert [each["name"] for each in reading.drives().list().execute()["drives"]] == ["Finance"]


def test_what_is_not_shared_is_not_found(reading: Any) -> None:
    with pytest.raises(HttpError) as refusal:
        reading.files().get(fileId="doc-bob-private").execute()
    assert reason(refusal) == (404, "notFound")
    assert "doc-bob-private" not in found(reading, "trashed = false")


@pytest.mark.parametrize(
    ("file", "mime_type", "wanted"),
    [
        ("doc-q3-review", "text/markdown", b"Revenue grew **12 percent** against"),
        ("doc-q3-review", "text/plain", b"Revenue grew 12 percent against"),
        ("doc-q3-review", "text/html", b"<li>EMEA: 2.4 M</li>"),
        ("doc-q3-review", "application/pdf", b"(Revenue grew 12 percent against the plan."),
        ("sheet-pricing", "text/csv", b'"Enterprise, EU",250,1490\r\n'),
        ("sheet-pricing", "text/tab-separated-values", b"Enterprise, EU\t250\t1490\r\n"),
        ("slides-kickoff", "text/plain", b"Who we are"),
    ],
)
def test_documents_are_exported_in_other_formats(reading: Any, file: str, mime_type: str, wanted: bytes) -> None:
    assert wanted in reading.files().export(fileId=file, mimeType=mime_type).execute()


@pytest.mark.parametrize(
    ("file", "mime_type", "expected"),
    [
        ("png-logo", "text/plain", (403, "fileNotExportable")),
        ("doc-huge", "text/plain", (403, "exportSizeLimitExceeded")),
        ("doc-q3-review", "image/png", (400, "badRequest")),
    ],
)
def test_what_cannot_be_exported_says_why(reading: Any, file: str, mime_type: str, expected: tuple[int, str]) -> None:
    with pytest.raises(HttpError) as refusal:
        reading.files().export(fileId=file, mimeType=mime_type).execute()
    assert reason(refusal) == expected


def test_content_is_downloaded_in_ranges_but_never_of_a_document(reading: Any) -> None:
    out = io.BytesIO()
    download = MediaIoBaseDownload(out, reading.files().get_media(fileId="text-notes"), chunksize=10)
    done = False
    while not done:
        _, done = download.next_chunk()
    assert out.getvalue() == b"Call the O'Brien account on Monday.\n"
    assert reading.files().get_media(fileId="png-logo").execute().startswith(b"\x89PNG")
    with pytest.raises(HttpError) as refusal:
        reading.files().get_media(fileId="doc-q3-review").execute()
    assert reason(refusal) == (403, "fileNotDownloadable")


def test_a_file_is_created_changed_moved_copied_and_trashed(drive: Any) -> None:
    made = drive.files().create(body={"name": "Draft", "mimeType": DOCUMENT, "parents": ["folder-sales"]}).execute()
    assert made["mimeType"] == DOCUMENT
    assert made["id"] in found(drive, "'folder-sales' in parents")
    renamed = drive.files().update(fileId=made["id"], body={"name": "Final"}, addParents="root").execute()
    assert renamed["name"] == "Final"
    assert made["id"] in found(drive, "'root' in parents and name = 'Final'")
    copy = drive.files().copy(fileId="doc-q3-review", body={"name": "Copy"}).execute()
    assert b"12 percent" in drive.files().export(fileId=copy["id"], mimeType="text/plain").execute()
    drive.files().update(fileId=made["id"], body={"trashed": True}).execute()
    assert made["id"] not in found(drive, "trashed = false")
    drive.files().delete(fileId=made["id"]).execute()
    with pytest.raises(HttpError) as refusal:
        drive.files().get(fileId=made["id"]).execute()
    assert refusal.value.status_code == 404


@pytest.mark.parametrize("content", [b"# Title\n\nbody\n", bytes(range(256)) * 40, b"--x\r\n\r\n--", b""])
def test_a_multipart_upload_keeps_every_byte(drive: Any, content: bytes) -> None:
    media = MediaInMemoryUpload(content, mimetype="application/x-thing")
    made = drive.files().create(body={"name": "up.bin"}, media_body=media, fields="id,size,mimeType").execute()
    assert (made["size"], made["mimeType"]) == (str(len(content)), "application/x-thing")
    assert drive.files().get_media(fileId=made["id"]).execute() == content


def test_markdown_becomes_a_document_when_the_metadata_says_so(drive: Any) -> None:
    media = MediaInMemoryUpload(b"# Plan\n\n**Go.**\n", mimetype="text/markdown")
    made = drive.files().create(body={"name": "Plan", "mimeType": DOCUMENT}, media_body=media).execute()
    assert b"Go." in drive.files().export(fileId=made["id"], mimeType="text/plain").execute()
    assert made["id"] in found(drive, "fullText contains 'plan' and name = 'Plan'")


def test_a_resumable_upload_comes_in_chunks(drive: Any) -> None:
    content = bytes(range(256)) * 2400
    media = MediaInMemoryUpload(content, mimetype="application/x-thing", chunksize=262_144, resumable=True)
    request = drive.files().create(body={"name": "big.bin"}, media_body=media, fields="id,size")
    progress, made = [], None
    while made is None:
        status, made = request.next_chunk()
        progress.append(status.resumable_progress if status else len(content))
    assert progress == [262_144, 524_288, len(content)]
    assert made["size"] == str(len(content))
    assert drive.files().get_media(fileId=made["id"]).execute() == content


def test_a_chunk_out_of_place_is_refused(sandbox: Any) -> None:
    start = sandbox.provider("google-drive", "POST", "/upload/drive/v3/files?uploadType=resumable", {"name": "x"})
    location = start.headers["Location"]
    assert location.startswith("https://www.googleapis.com/upload/")
    path = location.removeprefix("https://www.googleapis.com")
    wrong = sandbox.provider("google-drive", "PUT", path, b"abc", Content_Range="bytes 5-7/10")
    assert wrong.status == 400
    asked = sandbox.provider("google-drive", "PUT", path, b"", Content_Range="bytes */10")
    assert asked.status == 308


def test_an_id_made_beforehand_makes_a_repeat_harmless(drive: Any) -> None:
    (given,) = drive.files().generateIds(count=1).execute()["ids"]
    drive.files().create(body={"id": given, "name": "once"}).execute()
    with pytest.raises(HttpError) as refusal:
        drive.files().create(body={"id": given, "name": "once"}).execute()
    assert reason(refusal) == (409, "fileIdInUse")


def test_a_read_only_token_cannot_write(sandbox: Any) -> None:
    with client(sandbox, sandbox.token("google-drive", "user_bob")) as bob:
        assert found(bob, "name contains 'Support'") == ["doc-bob-shared"]
        with pytest.raises(HttpError) as refusal:
            bob.files().create(body={"name": "x"}).execute()
    error = json.loads(refusal.value.content)["error"]
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
    assert error["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert "insufficient_scope" in refusal.value.resp["www-authenticate"]


def test_a_reader_of_a_file_cannot_change_it(sandbox: Any) -> None:
    account = "data_installation_drive_bob"
    sandbox.admin("PATCH", f"/accounts/{account}", {"scopes": ["https://www.googleapis.com/auth/drive"]})
    with client(sandbox, sandbox.token("google-drive", "user_bob")) as bob:
        with pytest.raises(HttpError) as refusal:
            bob.files().update(fileId="doc-q3-review", body={"name": "mine"}).execute()
        assert reason(refusal) == (403, "insufficientFilePermissions")
        with pytest.raises(HttpError) as refusal:
            bob.files().update(fileId="doc-board-minutes", body={"name": "mine"}, supportsAllDrives=True).execute()
        assert reason(refusal) == (403, "insufficientFilePermissions")


def test_the_narrow_scope_sees_only_what_the_app_made(sandbox: Any) -> None:
    account = "data_installation_drive_alice"
    sandbox.admin("PATCH", f"/accounts/{account}", {"scopes": ["https://www.googleapis.com/auth/drive.file"]})
    with client(sandbox, sandbox.token("google-drive")) as service:
        assert found(service, "trashed = false") == []
        made = service.files().create(body={"name": "mine"}).execute()
        assert found(service, "trashed = false") == [made["id"]]


def test_sharing_is_listed_and_shows_up_for_the_other(drive: Any, sandbox: Any) -> None:
    with client(sandbox, sandbox.token("google-drive", "user_bob")) as bob:
        assert found(bob, "name = 'Pricing 2026'") == []
        permission = {"type": "user", "role": "reader", "emailAddress": "bob@acme.example"}
        drive.permissions().create(fileId="sheet-pricing", body=permission).execute()
        assert found(bob, "name = 'Pricing 2026'") == ["sheet-pricing"]
    answer = drive.permissions().list(fileId="sheet-pricing", fields="permissions(emailAddress,role)").execute()
    assert answer["permissions"] == [
        {"emailAddress": "alice@acme.example", "role": "owner"},
        {"emailAddress": "bob@acme.example", "role": "reader"},
    ]


def test_about_says_who_and_what_can_be_exported(reading: Any) -> None:
    about = reading.about().get(fields="user(emailAddress),exportFormats").execute()
    assert about["user"] == {"emailAddress": "alice@acme.example"}
    assert "text/markdown" in about["exportFormats"][DOCUMENT]


def test_a_dead_token_is_unauthenticated_in_googles_words(sandbox: Any) -> None:
    token = sandbox.token("google-drive")
    sandbox.admin("POST", "/tokens/end", {"provider": "google-drive", "revoke": True})
    for dead in (token, "made-up", sandbox.token("snowflake")):
        answer = sandbox.provider("google-drive", "GET", "/drive/v3/files", token=dead)
        assert answer.status == 401
        assert answer.json()["error"]["status"] == "UNAUTHENTICATED"
