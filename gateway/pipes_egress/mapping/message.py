"""A message as RFC 5322 has it, written by the standard library from parts that were checked before."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Mapping
from email.errors import MessageError
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from ..problems import ArgumentRefused

MOST_ADDRESSES = 500
LONGEST_HEADER = 900
"""Characters; RFC 5322 section 2.1.1 ends a line at 998."""

_ADDRESSES = {"from": "From", "to": "To", "cc": "Cc", "bcc": "Bcc", "replyTo": "Reply-To"}
_IDS = {"inReplyTo": "In-Reply-To", "references": "References"}
_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,500}>\Z")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,80}/[A-Za-z0-9!#$&^_.+-]{1,120}\Z")


def encoded_message(members: Mapping[str, Any]) -> str:
    """base64url (RFC 4648 section 5) of the message.

    `from`, `to`, `cc`, `bcc` and `replyTo` are addresses, one or a list; `inReplyTo` and `references` message ids in
    angle brackets; `text` and `html` the content; `attachments` a list of `{name, contentType, base64}`.

    Raises:
        ArgumentRefused: a value is not what belongs there; no value can add a header or a recipient.
    """
    message = EmailMessage(policy=SMTP)
    for name, header in _ADDRESSES.items():
        addresses = [_address(name, each) for each in _listed(name, members.get(name))]
        if addresses:
            message[header] = addresses
    if members.get("subject") is not None:
        message["Subject"] = _header("subject", members["subject"])
    for name, header in _IDS.items():
        ids = [_id(name, each) for each in _listed(name, members.get(name))]
        if ids:
            message[header] = " ".join(ids)
    try:
        _fill(message, members)
        written = message.as_bytes()
    except (UnicodeError, MessageError, ValueError):
        raise ArgumentRefused("the message holds characters that cannot be sent in a message") from None
    return base64.urlsafe_b64encode(written).decode()


def _fill(message: EmailMessage, members: Mapping[str, Any]) -> None:
    message.set_content(_text("text", members.get("text")))
    if members.get("html") is not None:
        message.add_alternative(_text("html", members["html"]), subtype="html")
    attachments = members.get("attachments") or []
    for attachment in attachments if isinstance(attachments, list) else [attachments]:
        if not isinstance(attachment, Mapping):
            raise ArgumentRefused("an attachment must have name, contentType and base64")
        kind = str(attachment.get("contentType") or "application/octet-stream")
        if not _MEDIA_TYPE.match(kind):
            raise ArgumentRefused("contentType of an attachment must be a media type such as application/pdf")
        main, _, sub = kind.partition("/")
        try:
            content = base64.b64decode(str(attachment.get("base64") or ""), validate=True)
        except (binascii.Error, ValueError):
            raise ArgumentRefused("an attachment is not base64") from None
        name = _header("name of an attachment", attachment.get("name"))
        if main in ("message", "multipart"):
            # Such a part may not be encoded (RFC 2046 section 5), and what is attached must arrive as it is.
            main, sub = "application", "octet-stream"
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)


def _listed(name: str, value: Any) -> list[Any]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    if len(values) > MOST_ADDRESSES:
        raise ArgumentRefused(f"{name} has more than {MOST_ADDRESSES} entries")
    return values


def _address(name: str, value: Any) -> Address:
    """One address, `ann@acme.example` or `Ann <ann@acme.example>`; never a list in disguise."""
    text = _header(name, value)
    parsed: dict[str, Any] = {"defects": []}
    try:
        AddressHeader.parse(text, parsed)
    except (MessageError, ValueError, IndexError, AttributeError):
        parsed["groups"] = []
    found = [address for group in parsed["groups"] for address in group.addresses]
    if len(found) != 1 or parsed["defects"] or any(group.display_name for group in parsed["groups"]):
        raise ArgumentRefused(f"{name}: {text!r:.80} is not one e-mail address")
    address: Address = found[0]
    if not address.username or not address.domain or not address.addr_spec.isascii():
        raise ArgumentRefused(f"{name}: {text!r:.80} is not one e-mail address")
    return address


def _header(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_HEADER:
        raise ArgumentRefused(f"{name} must be text of at most {LONGEST_HEADER} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ArgumentRefused(f"{name} must be text without line breaks and control characters")
    return value


def _id(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _ID.match(value):
        raise ArgumentRefused(f"{name} must be a message id in angle brackets, such as <a1@mail.example>")
    return value


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ArgumentRefused(f"{name} must be text")
    return value
