"""Docs Editors files in other formats: the conversion is real, if plain."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable

from pipes_sandbox.providers.google_drive import errors
from pipes_sandbox.providers.google_drive.model import DOCUMENT, PRESENTATION, SPREADSHEET, DriveFile

LIMIT = 10 * 1024 * 1024

_BULLET = re.compile(r"^\s*[-*+]\s+")
_HEADING = re.compile(r"^(#{1,6})\s+(.*)$")


def export(file: DriveFile, mime_type: str) -> bytes:
    """Raises RefusalError: not a Docs Editors file, a format it cannot have, or a result above 10 MB."""
    if file.mime_type not in FORMATS:
        raise errors.refused(403, "fileNotExportable", "Export only supports Docs Editors files.")
    if not mime_type:
        raise errors.refused(400, "required", "Required parameter: mimeType", location="mimeType")
    convert = FORMATS[file.mime_type].get(mime_type.partition(";")[0].strip())
    if convert is None:
        raise errors.refused(400, "badRequest", "The requested conversion is not supported.", location="convertTo")
    if len(file.content) > LIMIT:
        raise _too_large()
    result = convert(file.content.decode("utf-8", "replace"))
    if len(result) > LIMIT:
        raise _too_large()
    return result


def _too_large() -> Exception:
    return errors.refused(403, "exportSizeLimitExceeded", "This file is too large to be exported.")


def markdown_to_plain(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if found := _HEADING.match(line):
            line = found[2]
        line = _BULLET.sub("* ", line)
        line = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line)
        lines.append(re.sub(r"(\*\*|__|\*|`)(.+?)\1", r"\2", line))
    return "\r\n".join(lines)


def markdown_to_html(text: str) -> str:
    parts: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if found := _HEADING.match(block):
            parts.append(f"<h{len(found[1])}>{_inline(found[2])}</h{len(found[1])}>")
        elif all(_BULLET.match(line) for line in lines):
            items = "".join(f"<li>{_inline(_BULLET.sub('', line))}</li>" for line in lines)
            parts.append(f"<ul>{items}</ul>")
        else:
            parts.append(f"<p>{_inline(' '.join(lines))}</p>")
    return f'<html><head><meta charset="utf-8"></head><body>{"".join(parts)}</body></html>'


def _inline(text: str) -> str:
    text = html.escape(text)
    text = re.sub(r"\[([^\]]*)\]\(([^)]*)\)", r'<a href="\2">\1</a>', text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    return re.sub(r"\*(.+?)\*", r"<i>\1</i>", text)


def text_to_pdf(text: str) -> bytes:
    """A one-page PDF 1.4 with the first lines of the text in Helvetica."""
    rows = []
    for line in text.splitlines()[:60]:
        # Helvetica's built-in encoding holds Latin-1 only.
        shown = line[:100].encode("latin-1", "replace").decode("latin-1")
        rows.append("(" + re.sub(r"([\\()])", r"\\\1", shown) + ") Tj T*")
    stream = ("BT /F1 11 Tf 14 TL 50 780 Td " + " ".join(rows) + " ET").encode("latin-1")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>",
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _csv_to_tsv(text: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter="\t", lineterminator="\r\n").writerows(csv.reader(io.StringIO(text)))
    return out.getvalue()


def _csv_to_csv(text: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(csv.reader(io.StringIO(text)))
    return out.getvalue()


_Converter = Callable[[str], bytes]


def _bytes(convert: Callable[[str], str]) -> _Converter:
    return lambda text: convert(text).encode()


FORMATS: dict[str, dict[str, _Converter]] = {
    DOCUMENT: {
        "text/markdown": _bytes(str),
        "text/plain": lambda text: b"\xef\xbb\xbf" + markdown_to_plain(text).encode(),
        "text/html": _bytes(markdown_to_html),
        "application/pdf": lambda text: text_to_pdf(markdown_to_plain(text)),
    },
    SPREADSHEET: {
        "text/csv": _bytes(_csv_to_csv),
        "text/tab-separated-values": _bytes(_csv_to_tsv),
        "application/pdf": text_to_pdf,
    },
    PRESENTATION: {"text/plain": _bytes(str), "application/pdf": text_to_pdf},
}
