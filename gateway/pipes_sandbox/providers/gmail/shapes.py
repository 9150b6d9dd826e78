"""Messages as JSON: taken apart, whole, or only their headers."""

from __future__ import annotations

import base64
from email.message import EmailMessage
from typing import Any

from .mailbox import Message

SNIPPET = 200


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


def message(item: Message, form: str, headers: list[str]) -> dict[str, Any]:
    """`form` is full, metadata, minimal or raw; of metadata only `headers`, if any are named."""
    shape: dict[str, Any] = {
        "id": item.id,
        "threadId": item.thread_id,
        "labelIds": item.labels,
        "snippet": " ".join(item.text.split())[:SNIPPET],
        "sizeEstimate": len(item.source),
        "historyId": str(1000 + int(item.id, 16) % 1000),
        "internalDate": str(int(item.received.timestamp() * 1000)),
    }
    match form:
        case "raw":
            shape["raw"] = encoded(item.source)
        case "full":
            shape["payload"] = payload(item.parsed, item.id, "")
        case "metadata":
            wanted = {each.lower() for each in headers}
            kept = [each for each in _headers(item.parsed) if not wanted or each["name"].lower() in wanted]
            shape["payload"] = {"mimeType": item.parsed.get_content_type(), "headers": kept}
    return shape


def payload(part: EmailMessage, message_id: str, part_id: str) -> dict[str, Any]:
    name = part.get_filename() or ""
    shape: dict[str, Any] = {
        "partId": part_id,
        "mimeType": part.get_content_type(),
        "filename": name,
        "headers": _headers(part),
    }
    if part.is_multipart():
        prefix = f"{part_id}." if part_id else ""
        inner = [each for each in part.iter_parts() if isinstance(each, EmailMessage)]
        shape["body"] = {"size": 0}
        shape["parts"] = [payload(each, message_id, f"{prefix}{number}") for number, each in enumerate(inner)]
        return shape
    content = content_of(part)
    if name or part.get_content_disposition() == "attachment":
        attachment_id = "ANGjdJ" + base64.urlsafe_b64encode(f"{message_id}:{part_id}".encode()).decode().rstrip("=")
        shape["body"] = {"attachmentId": attachment_id, "size": len(content)}
    else:
        shape["body"] = {"size": len(content), "data": encoded(content)}
    return shape


def attachment(item: Message, attachment_id: str) -> dict[str, Any] | None:
    """The bytes of the attachment; None when the message has none of that id."""
    for part_id, part in _parts(item.parsed, ""):
        if payload(part, item.id, part_id)["body"].get("attachmentId") == attachment_id:
            content = content_of(part)
            return {"size": len(content), "data": encoded(content)}
    return None


def _parts(part: EmailMessage, part_id: str) -> list[tuple[str, EmailMessage]]:
    if not part.is_multipart():
        return [(part_id, part)]
    prefix = f"{part_id}." if part_id else ""
    inner = [each for each in part.iter_parts() if isinstance(each, EmailMessage)]
    return [found for number, each in enumerate(inner) for found in _parts(each, f"{prefix}{number}")]


def content_of(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _headers(part: EmailMessage) -> list[dict[str, str]]:
    return [{"name": name, "value": " ".join(str(value).split())} for name, value in part.items()]
