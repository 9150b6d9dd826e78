"""Google Docs v1 at `docs.googleapis.com`: a document's text, text added at its end, text replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call
from pipes_sandbox.google.errors import canonical
from pipes_sandbox.providers.google_drive.access import DOCS_READ, DOCS_WRITE, Access
from pipes_sandbox.providers.google_drive.editors import body_of, opened
from pipes_sandbox.providers.google_drive.export import markdown_to_plain
from pipes_sandbox.providers.google_drive.model import DOCUMENT, DriveFile
from pipes_sandbox.providers.google_drive.store import DriveStore


class Documents:
    def __init__(self, store: DriveStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def get(self, call: Call) -> web.Response:
        person = self._access.person(call, DOCS_READ, "GetDocument")
        file = opened(self._store, call.parameters["id"], person, DOCUMENT)
        content: list[dict[str, Any]] = [{"endIndex": 1, "sectionBreak": {}}]
        index = 1
        for line in markdown_to_plain(file.content.decode()).split("\r\n"):
            end = index + len(line) + 1
            place = {"startIndex": index, "endIndex": end}
            content.append({**place, "paragraph": {"elements": [{**place, "textRun": {"content": line + "\n"}}]}})
            index = end
        head = {"documentId": file.id, "title": file.name, "revisionId": f"rev{file.version}"}
        return web.json_response({**head, "body": {"content": content}})

    async def batch_update(self, call: Call) -> web.Response:
        """All requests, or none: they are tried on a copy of the text first."""
        person = self._access.person(call, DOCS_WRITE, "BatchUpdateDocument")
        file = opened(self._store, call.parameters["id"], person, DOCUMENT, change=True)
        requests = body_of(call).get("requests")
        if not isinstance(requests, list) or not requests:
            raise canonical(400, "Must specify at least one request.")
        text, replies = file.content.decode(), []
        for number, request in enumerate(requests):
            text, reply = _applied(text, request if isinstance(request, dict) else {}, number)
            replies.append(reply)
        self._keep(file, text)
        control = {"requiredRevisionId": f"rev{file.version}"}
        return web.json_response({"documentId": file.id, "replies": replies, "writeControl": control})

    def _keep(self, file: DriveFile, text: str) -> None:
        file.content = text.encode()
        file.touch()


def _applied(text: str, request: Mapping[str, Any], number: int) -> tuple[str, dict[str, Any]]:
    match request:
        case {"insertText": {"text": str(added), "endOfSegmentLocation": dict()}} if added:
            # A document ends with a line break, before which the text goes.
            return text.removesuffix("\n") + added + "\n", {}
        case {"replaceAllText": {"containsText": {"text": str(wanted), **options}, **rest}} if wanted:
            flags = re.NOFLAG if options.get("matchCase") else re.IGNORECASE
            new = str(rest.get("replaceText", ""))
            text, count = re.subn(re.escape(wanted), lambda _: new, text, flags=flags)
            return text, {"replaceAllText": {"occurrencesChanged": count} if count else {}}
    raise canonical(400, f"Invalid requests[{number}]: the stand-in inserts at the end and replaces, no more.")
