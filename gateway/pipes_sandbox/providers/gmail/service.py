"""Gmail v1 at `gmail.googleapis.com`: routes, scopes, and the words of its refusals."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError, flag
from pipes_sandbox.google import pages
from pipes_sandbox.google.callers import Callers
from pipes_sandbox.google.errors import refused
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import TokenBook

from . import search, shapes
from .mailbox import FIXED_LABELS, SYSTEM_LABELS, Mailbox, Message, Post, finished, recipients_of

_ALL = "https://mail.google.com/"
_READ = (_ALL, "gmail.modify", "gmail.readonly")
_HEADERS = (*_READ, "gmail.metadata")
_MODIFY = (_ALL, "gmail.modify")
_COMPOSE = (_ALL, "gmail.modify", "gmail.compose")
_LARGEST = 35 * 1024 * 1024


class GmailService(Service):
    name = "gmail"
    prefixes = ("/gmail/v1",)

    def __init__(self, tokens: TokenBook, environment: Environment, seed: Mapping[str, Any]) -> None:
        super().__init__()
        self._callers = Callers(
            tokens, environment, self.name, service="gmail.googleapis.com", package="caribou.api.proto.MailboxService"
        )
        self._post = Post(seed)
        add, root = self.router.add, "/gmail/v1/users/{user}"
        add("GET", f"{root}/profile", self._profile)
        add("GET", f"{root}/labels", self._labels)
        add("GET", f"{root}/messages", self._list)
        add("POST", f"{root}/messages/send", self._send)
        add("GET", f"{root}/messages/{{id}}", self._get)
        add("POST", f"{root}/messages/{{id}}/modify", self._modify)
        add("POST", f"{root}/messages/{{id}}/trash", self._trash)
        add("GET", f"{root}/messages/{{id}}/attachments/{{attachment}}", self._attachment)
        add("GET", f"{root}/threads/{{id}}", self._thread)
        add("GET", f"{root}/drafts", self._drafts)
        add("POST", f"{root}/drafts", self._create_draft)
        add("POST", f"{root}/drafts/send", self._send_draft)
        add("GET", f"{root}/drafts/{{id}}", self._draft)

    def serves(self, host: str) -> bool:
        return host == "gmail.googleapis.com"

    def authenticate(self, call: Call) -> None:
        self._callers.token(call)

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        return _not_found()

    async def describe(self) -> dict[str, Any]:
        boxes = self._post.mailboxes.values()
        return {"messages": {each.owner: len(each.messages) for each in boxes}, "left": self._post.left}

    def _box(self, call: Call, scopes: tuple[str, ...], method: str) -> Mailbox:
        caller = self._callers.of(call, scopes, method)
        if call.parameters["user"] not in ("me", caller.email):
            raise refused(403, "forbidden", f"Delegation denied for {caller.email}", status="PERMISSION_DENIED")
        box = self._post.mailboxes.get(caller.email)
        if box is None:
            raise refused(400, "failedPrecondition", "Mail service not enabled", status="FAILED_PRECONDITION")
        return box

    async def _profile(self, call: Call) -> web.Response:
        box = self._box(call, (*_HEADERS, "gmail.compose"), "GetProfile")
        threads = {each.thread_id for each in box.messages.values()}
        counts = {"messagesTotal": len(box.messages), "threadsTotal": len(threads)}
        return web.json_response({"emailAddress": box.owner, **counts, "historyId": "2000"})

    async def _labels(self, call: Call) -> web.Response:
        box = self._box(call, (*_HEADERS, "gmail.labels"), "ListLabels")
        system = [{"id": each, "name": each, "type": "system"} for each in SYSTEM_LABELS]
        own = [{"id": key, "name": name, "type": "user"} for key, name in box.labels.items()]
        return web.json_response({"labels": [*system, *own]})

    async def _list(self, call: Call) -> web.Response:
        box = self._box(call, _HEADERS, "ListMessages")
        query = call.query("q")
        if query and not self._callers.token_scopes(call) & set(_READ):
            message = "Metadata scope does not support 'q' parameter"
            raise refused(403, "forbidden", message, status="PERMISSION_DENIED")
        labels = call.request.query.getall("labelIds", [])
        for label in labels:
            _known(box, label)
        everywhere = (
            flag(call.query("includeSpamTrash")) or search.everywhere(query) or bool({"TRASH", "SPAM"} & set(labels))
        )
        test = search.parse(query, box)
        found = [
            each
            for each in box.newest_first()
            if set(labels) <= set(each.labels)
            and (everywhere or not {"TRASH", "SPAM"} & set(each.labels))
            and test(each)
        ]
        rows = [{"id": each.id, "threadId": each.thread_id} for each in found]
        return _page(call, "messages", rows, f"{query}|{labels}|{everywhere}")

    async def _get(self, call: Call) -> web.Response:
        box = self._box(call, _HEADERS, "GetMessage")
        item = _message(box, call.parameters["id"])
        return web.json_response(self._shown(call, item, _READ, ("full", "metadata", "minimal", "raw")))

    async def _thread(self, call: Call) -> web.Response:
        box = self._box(call, _HEADERS, "GetThread")
        found = box.thread(call.parameters["id"])
        if not found:
            raise _not_found()
        shown = [self._shown(call, each, _READ, ("full", "metadata", "minimal")) for each in found]
        return web.json_response({"id": call.parameters["id"], "historyId": "2000", "messages": shown})

    def _shown(self, call: Call, item: Message, reading: tuple[str, ...], forms: tuple[str, ...]) -> dict[str, Any]:
        form = call.query("format", "full")
        if form not in forms:
            raise _invalid(f"Invalid value at 'format': \"{form}\"")
        if form in ("full", "raw") and not self._callers.token_scopes(call) & set(reading):
            message = f"Metadata scope doesn't allow format {form.upper()}"
            raise refused(403, "forbidden", message, status="PERMISSION_DENIED")
        return shapes.message(item, form, call.request.query.getall("metadataHeaders", []))

    async def _attachment(self, call: Call) -> web.Response:
        box = self._box(call, _READ, "GetAttachment")
        found = shapes.attachment(_message(box, call.parameters["id"]), call.parameters["attachment"])
        if found is None:
            raise _invalid("Invalid attachment token")
        return web.json_response(found)

    async def _modify(self, call: Call) -> web.Response:
        box = self._box(call, _MODIFY, "ModifyMessage")
        item, body = _message(box, call.parameters["id"]), _body(call)
        add, remove = (list(body.get(name) or ()) for name in ("addLabelIds", "removeLabelIds"))
        if not add and not remove:
            raise _invalid("No label add or removes specified")
        for label in (*add, *remove):
            _known(box, label)
            if label in FIXED_LABELS:
                raise _invalid(f"Invalid label: {label}")
        item.labels = [each for each in dict.fromkeys([*item.labels, *add]) if each not in remove]
        return web.json_response({"id": item.id, "threadId": item.thread_id, "labelIds": item.labels})

    async def _trash(self, call: Call) -> web.Response:
        box = self._box(call, _MODIFY, "TrashMessage")
        item = _message(box, call.parameters["id"])
        item.labels = [*(each for each in item.labels if each not in ("INBOX", "TRASH")), "TRASH"]
        return web.json_response({"id": item.id, "threadId": item.thread_id, "labelIds": item.labels})

    async def _send(self, call: Call) -> web.Response:
        box = self._box(call, (*_COMPOSE, "gmail.send"), "SendMessage")
        body = _body(call)
        return self._sent(box, _raw(body), _thread_id(box, body))

    def _sent(self, box: Mailbox, source: bytes, thread_id: str) -> web.Response:
        if not list(recipients_of(source)):
            raise _invalid("Recipient address required")
        sent = self._post.send(box, source, thread_id)
        return web.json_response({"id": sent.id, "threadId": sent.thread_id, "labelIds": sent.labels})

    async def _drafts(self, call: Call) -> web.Response:
        box = self._box(call, (*_COMPOSE, "gmail.readonly"), "ListDrafts")
        query = call.query("q")
        test = search.parse(query, box)
        held = {message_id: draft for draft, message_id in box.drafts.items()}
        rows = [
            {"id": held[each.id], "message": {"id": each.id, "threadId": each.thread_id}}
            for each in box.newest_first()
            if each.id in held and test(each)
        ]
        return _page(call, "drafts", rows, f"drafts|{query}")

    async def _draft(self, call: Call) -> web.Response:
        box = self._box(call, (*_COMPOSE, "gmail.readonly"), "GetDraft")
        if call.parameters["id"] not in box.drafts:
            raise _not_found()
        item = box.messages[box.drafts[call.parameters["id"]]]
        shown = self._shown(call, item, (*_COMPOSE, "gmail.readonly"), ("full", "metadata", "minimal", "raw"))
        return web.json_response({"id": call.parameters["id"], "message": shown})

    async def _create_draft(self, call: Call) -> web.Response:
        box = self._box(call, _COMPOSE, "CreateDraft")
        body = _body(call).get("message") or {}
        source = finished(_raw(body), box.owner).as_bytes()
        item = box.keep(source, ["DRAFT"], _thread_id(box, body))
        draft = f"r{secrets.randbelow(10**18):018d}"
        box.drafts[draft] = item.id
        message = {"id": item.id, "threadId": item.thread_id, "labelIds": item.labels}
        return web.json_response({"id": draft, "message": message})

    async def _send_draft(self, call: Call) -> web.Response:
        box = self._box(call, _COMPOSE, "SendDraft")
        draft = _body(call).get("id")
        if draft not in box.drafts:
            raise _not_found()
        item = box.messages[box.drafts[draft]]
        opens = len(box.thread(item.thread_id)) == 1
        answer = self._sent(box, item.source, "" if opens else item.thread_id)
        del box.messages[box.drafts.pop(draft)]
        return answer


def _body(call: Call) -> dict[str, Any]:
    try:
        body = call.json()
    except ValueError:
        raise _invalid("Invalid JSON payload received.") from None
    if not isinstance(body, dict):
        raise _invalid("Invalid JSON payload received.")
    return body


def _raw(body: Mapping[str, Any]) -> bytes:
    raw = body.get("raw")
    if not isinstance(raw, str) or not raw:
        raise _invalid("'raw' RFC822 payload message string or uploading message via /upload/* URL required")
    try:
        source = base64.b64decode(raw + "=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("Invalid value at 'message.raw' (TYPE_BYTES), Base64 decoding failed") from None
    if len(source) > _LARGEST:
        raise refused(413, "uploadTooLarge", "Request Entity Too Large")
    return source


def _thread_id(box: Mailbox, body: Mapping[str, Any]) -> str:
    thread_id = str(body.get("threadId") or "")
    if thread_id and not box.thread(thread_id):
        raise _not_found()
    return thread_id


def _message(box: Mailbox, message_id: str) -> Message:
    if not message_id.isalnum() or not message_id.isascii():
        raise _invalid("Invalid id value")
    if message_id not in box.messages:
        raise _not_found()
    return box.messages[message_id]


def _known(box: Mailbox, label: str) -> None:
    if not box.knows(label):
        raise _invalid(f"Invalid label: {label}")


def _page(call: Call, name: str, rows: list[dict[str, Any]], mark: str) -> web.Response:
    size = call.query("maxResults", "100")
    if not size.isdigit() or int(size) < 1:
        raise _invalid(f"Invalid value at 'max_results' (TYPE_UINT32), \"{size}\"")
    try:
        start = pages.offset_of(call.query("pageToken"), mark)
    except pages.WrongPageError:
        raise _invalid("Invalid pageToken") from None
    end = start + min(int(size), 500)
    answer: dict[str, Any] = {"resultSizeEstimate": len(rows)}
    if rows[start:end]:
        answer[name] = rows[start:end]
    if end < len(rows):
        answer["nextPageToken"] = pages.page_token(end, mark)
    return web.json_response(answer)


def _invalid(message: str) -> RefusalError:
    return refused(400, "invalidArgument", message, status="INVALID_ARGUMENT")


def _not_found() -> RefusalError:
    return refused(404, "notFound", "Requested entity was not found.", status="NOT_FOUND")
