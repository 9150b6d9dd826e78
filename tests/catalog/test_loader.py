"""An invalid catalog stops with one line: file, line, rule."""

from pathlib import Path

import pytest

from pipes_catalog import CatalogError, load

VALID = """\
format: pipesmcp.io/catalog/v1
provider: acme
title: Acme
endpoint:
  hosts: ["*.acme.example"]
  url: https://{tenant}.acme.example
  values:
    tenant: {sources: [config.tenant]}
tools:
  - name: find
    title: Find
    description: Find things at Acme.
    access: Read
    inputSchema:
      type: object
      additionalProperties: false
      properties:
        q: {type: string, description: What to find.}
    request:
      method: GET
      path: /v1/things/{q}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    file = tmp_path / "acme.yaml"
    file.write_text(VALID)
    return file


def refused(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(CatalogError) as refusal:
        load(file.parent)
    message = str(refusal.value)
    assert "\n" not in message
    assert message.startswith(f"{file}:")
    return message.removeprefix(f"{file}:")


def line_of(text: str, fragment: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if fragment in line)


def test_a_valid_file_is_read(catalog: Path) -> None:
    assert [each.name for each in load(catalog.parent).tools("acme")] == ["find"]


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("provider: acme", "provider: other", "provider:", "file's name"),
        ("catalog/v1", "catalog/v2", "format:", "v1"),
        ("title: Acme", "title: [", "endpoint:", ""),
        ("title: Acme\n", "title: Acme\ntitle: Acme\n", "title: Acme", "twice"),
        ("title: Acme\n", "title: Acme\nextra: 1\n", "format:", "extra"),
        ("title: Acme\n", "title: Acme\non: 1\n", "on:", "must be text"),
        ("title: Acme\n", "title: 2026-01-01\n", "title:", "quotes"),
        ('["*.acme.example"]', '["*.example"]', "hosts:", "two labels"),
        ('["*.acme.example"]', '["10.0.0.1"]', "hosts:", "host"),
        ("https://{tenant}.acme.example", "http://{tenant}.acme.example", "url:", "https"),
        ("https://{tenant}.acme.example", "https://{tenant}.acme.example/x", "url:", "without port, path"),
        ("https://{tenant}.acme.example", "https://{other}.acme.example", "url:", "other"),
        ("[config.tenant]", "[arguments.tenant]", "tenant:", "config."),
        ("name: find", "name: Find", "name: Find", ""),
        ("access: Read", "access: Reed", "access:", "Reed"),
        ("access: Read", "access: Judged", "access:", "judge"),
        ("additionalProperties: false", "additionalProperties: true", "additionalProperties", "must be false"),
        ("type: object", "type: [object, 'null']", "type: [object", "must be object"),
        ("description: What to find.", "default: x", "q:", "description"),
        ("type: string", "type: strin", "inputSchema:", "not a JSON Schema"),
        ("method: GET", "method: FETCH", "method:", "FETCH"),
        ("/v1/things/{q}", "/v1/things/{query}", "path:", "not an argument"),
        ("/v1/things/{q}", "/v1/things/{lookup.id}", "path:", "not known"),
        ("/v1/things/{q}", "/v1/things/{q|upper}", "path:", "no filter"),
        ("/v1/things/{q}", "/v1/../things/{q}", "path:", "segment"),
        ("/v1/things/{q}", "/v1/things?x={q}", "path:", "without query"),
        ("/v1/things/{q}", "v1/things/{q}", "path:", "absolute"),
        ("path: /v1/things/{q}", "path: /v1\n      headers: {Host: x}", "headers:", "may set"),
        ("path: /v1/things/{q}", "path: /v1\n      headers: {Authorization: x}", "headers:", "may set"),
        ("path: /v1/things/{q}", 'path: /v1\n      headers: {X-A: "a\\nb"}', "headers:", "visible ASCII"),
        ("path: /v1/things/{q}", "path: /v1\n      body: {}", "body:", "exactly one"),
        ("path: /v1/things/{q}", "path: /v1\n    paging: {next: a}", "paging:", "request, or query"),
        ("path: /v1/things/{q}", "path: /v1\n    result: {cells: csv9}", "result:", "jsonv2"),
        ("path: /v1/things/{q}", "path: /v1\n    result: {kind: none}", "result:", "say"),
        ("path: /v1/things/{q}", "path: /v1\n    cases: [{say: Not so.}]", "name: find", "exactly one"),
    ],
)
def test_a_broken_rule_is_named_with_its_line(catalog: Path, old: str, new: str, at: str, says: str) -> None:
    text = VALID.replace(old, new)
    assert text != VALID
    message = refused(catalog, text)

    number, _, rule = message.partition(": ")
    assert says in rule
    if at != "endpoint:":
        assert abs(int(number) - line_of(text, at)) <= 1, message
    assert int(number) >= 1


JUDGED = VALID.replace("access: Read", "access: Judged\n    judge: {language: sql, argument: q}").replace(
    "description: What to find.}", "description: What to find.}\n      required: [q]"
)


def test_a_judged_argument_must_be_sent_as_it_was_judged(catalog: Path) -> None:
    whole = JUDGED.replace("path: /v1/things/{q}", "path: /v1\n      query: {q: '{q}'}")
    catalog.write_text(whole)
    load(catalog.parent)

    for changed in ("'{q} LIMIT 5'", "'{q|quoted}'", "'fixed'"):
        assert "as it is" in refused(catalog, whole.replace("'{q}'", changed))


def test_a_judge_of_an_unknown_language_is_refused(catalog: Path) -> None:
    assert "soql, sosl, sql" in refused(catalog, JUDGED.replace("language: sql", "language: cobol"))


def test_two_tools_of_one_name_are_refused(catalog: Path) -> None:
    tool = VALID[VALID.index("  - name: find") :]
    assert "defined twice" in refused(catalog, VALID + tool)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no catalog"):
        load(tmp_path)
    with pytest.raises(CatalogError, match="cannot read"):
        load(tmp_path / "nowhere")
    (tmp_path / "acme.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(CatalogError, match="UTF-8"):
        load(tmp_path)
    (tmp_path / "acme.yaml").write_text("")
    with pytest.raises(CatalogError, match="empty"):
        load(tmp_path)
