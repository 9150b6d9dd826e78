"""No value may change host, path, header or method: every one is encoded for where it lands."""

from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_files import lines
from pipes_catalog.exchange import Body, BodyPart, Condition, Request
from pipes_egress.mapping.build import build
from pipes_egress.mapping.scope import ABSENT, Scope, follow, holds
from pipes_egress.mapping.templates import evaluate
from pipes_egress.problems import ArgumentRefused


def scope(**arguments: Any) -> Scope:
    return Scope(arguments=arguments, spaces={"endpoint": {"role": "READER"}, "page": {"cursor": "c/1"}})


def get(path: str, **more: Any) -> Request:
    return Request(method="GET", path=path, **more)


@pytest.mark.parametrize("value", [line for _, line in lines("path_params.txt")])
def test_a_path_parameter_is_refused_or_stays_one_segment(value: str) -> None:
    try:
        target = build(get("/drive/v3/files/{id}/export"), scope(id=value)).target
    except ArgumentRefused:
        return
    path = target.split("/")
    assert "?" not in target
    assert "#" not in target
    assert len(path) == 6
    assert path[4] not in (".", "..")
    assert unquote(path[4]) == value


@given(st.text(min_size=1))
def test_any_text_is_refused_or_stays_one_segment_that_decodes_to_itself(value: str) -> None:
    try:
        target = build(get("/a/{id}"), scope(id=value)).target
    except ArgumentRefused:
        return
    assert target.count("/") == 2
    assert target.isascii()
    assert not set(target) & set(" ?#\\\r\n")
    assert unquote(target.removeprefix("/a/")) == value


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text()))
def test_query_values_decode_to_themselves_and_never_to_other_names(values: dict[str, str]) -> None:
    request = get("/x", query={name: f"{{{name}}}" for name in ("a", "b", "c")})
    try:
        target = build(request, scope(**values)).target
    except ArgumentRefused:
        return
    query = target.partition("?")[2]
    assert dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))) == values


@pytest.mark.parametrize("value", [line for _, line in lines("header_values.txt")])
def test_a_header_value_is_refused_or_sent_as_it_is(value: str) -> None:
    try:
        headers = build(get("/x", headers={"X-Option": "{value}"}), scope(value=value)).headers
    except ArgumentRefused:
        return
    assert headers == {"X-Option": value}
    assert value.isascii()
    assert value.isprintable()


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\x00b", "\t", "", " a", "日本", "x" * 9_000])
def test_a_header_value_that_is_not_plain_text_is_refused(value: str) -> None:
    with pytest.raises(ArgumentRefused):
        build(get("/x", headers={"X-Option": "{value}"}), scope(value=value))


def test_absent_arguments_are_left_out_and_null_is_not_absent() -> None:
    request = Request(
        method="POST",
        path="/x",
        query={"a": "{a}", "b": "b={b}"},
        headers={"X-A": "{a}"},
        body=Body(json={"a": "{a}", "n": "{n}", "list": ["{a}"], "deep": {"a": "{a}"}, "role": "{endpoint.role}"}),
    )

    outgoing = build(request, scope(n=None))

    assert outgoing.target == "/x"
    assert "X-A" not in outgoing.headers
    assert msgspec.json.decode(outgoing.body or b"") == {"n": None, "deep": {}, "role": "READER"}


def test_a_whole_reference_keeps_its_type() -> None:
    body = Body(json={"n": "{n}", "flag": "{flag}", "object": "{object}", "text": "is {n}"})

    outgoing = build(Request(method="POST", path="/x", body=body), scope(n=5, flag=False, object={"a": [1, None]}))

    assert msgspec.json.decode(outgoing.body or b"") == {
        "n": 5,
        "flag": False,
        "object": {"a": [1, None]},
        "text": "is 5",
    }


def test_braces_in_arguments_are_not_references() -> None:
    outgoing = build(Request(method="POST", path="/x", body=Body(json={"q": "{q}"})), scope(q="{endpoint.role} {q}"))

    assert msgspec.json.decode(outgoing.body or b"") == {"q": "{endpoint.role} {q}"}


@given(st.text(min_size=1))
def test_a_quoted_value_never_leaves_its_quotes(value: str) -> None:
    try:
        written = evaluate("name = {v|quoted}", scope(v=value))
    except ArgumentRefused:
        return
    inside = written.removeprefix("name = '").removesuffix("'")
    plain, place = [], 0
    while place < len(inside):
        assert inside[place] != "'"
        place += inside[place] == "\\"
        plain.append(inside[place])
        place += 1
    assert "".join(plain) == value


@given(st.text(min_size=1))
def test_an_identifier_never_leaves_its_quotes(value: str) -> None:
    try:
        written = evaluate("{v|identifier}", scope(v=value))
    except ArgumentRefused:
        return
    assert written[0] == written[-1] == '"'
    assert written[1:-1].replace('""', "") == value.replace('"', "")
    assert written[1:-1].count('"') == 2 * value.count('"')


def test_join_leaves_out_parts_that_are_absent() -> None:
    template = {"$join": " and ", "$parts": ["a = {a|quoted}", "b = {b|quoted}", "trashed = false"]}

    assert evaluate(template, scope(b="x'y")) == "b = 'x\\'y' and trashed = false"
    assert evaluate({"$join": ",", "$parts": "{fields}"}, scope(fields=["Id", "Name"])) == "Id,Name"
    assert evaluate({"$join": ",", "$parts": "{fields}"}, scope()) is ABSENT


def test_cases_take_the_first_that_holds() -> None:
    template = {"$cases": [{"when": {"value": "a", "present": True}, "value": "{a}!"}, {"value": "none"}]}

    assert evaluate(template, scope(a="x")) == "x!"
    assert evaluate(template, scope()) == "none"


def test_a_literal_is_left_alone() -> None:
    assert evaluate({"$literal": "query {viewer{id}}"}, scope()) == "query {viewer{id}}"


@pytest.mark.parametrize(
    ("condition", "value", "outcome"),
    [
        (Condition(value="x", equals=True), True, True),
        (Condition(value="x", equals=True), ABSENT, False),
        (Condition(value="x", one_of=("a", "b")), "b", True),
        (Condition(value="x", starts_with="application/"), "application/json", True),
        (Condition(value="x", starts_with="application/"), 5, False),
        (Condition(value="x", present=False), None, True),
        (Condition(value="x", present=True), ABSENT, False),
    ],
)
def test_conditions(condition: Condition, value: Any, outcome: bool) -> None:
    assert holds(condition, value) is outcome


def test_paths_reach_into_lists_and_members_with_dots() -> None:
    document = {"a": [{"b": 1}], "@odata.nextLink": "next"}

    assert follow(document, "a.0.b") == 1
    assert follow(document, "a.1.b") is ABSENT
    assert follow(document, "@odata.nextLink") == "next"
    assert follow([{"m": "x"}], "0.m") == "x"
    assert follow("text", "a") is ABSENT


def test_a_multipart_body_is_of_the_first_alternative_that_is_there() -> None:
    metadata = BodyPart(content_type="application/json", json={"name": "{name}"})
    alternatives = (
        (metadata, BodyPart(content_type="{type}", text="{text}")),
        (metadata, BodyPart(content_type="{type}", base64="{base64}")),
    )
    request = Request(method="POST", path="/x", body=Body(related=alternatives))

    text = build(request, scope(name="n", type="text/plain", text="--boundary"))
    binary = build(request, scope(name="n", type="image/png", base64="iVBORw0="))

    assert b"Content-Type: text/plain\r\n\r\n--boundary\r\n" in (text.body or b"")
    assert b"Content-Type: image/png\r\n\r\n\x89PNG\r\r\n" in (binary.body or b"")
    with pytest.raises(ArgumentRefused, match="base64, text"):
        build(request, scope(name="n", type="text/plain"))
    with pytest.raises(ArgumentRefused, match="base64"):
        build(request, scope(name="n", type="text/plain", base64="not base64!"))
    with pytest.raises(ArgumentRefused, match="media type"):
        build(request, scope(name="n", type="text/plain\r\nX-Injected: 1", text="x"))


def test_text_that_is_no_unicode_is_refused_everywhere() -> None:
    broken = scope(v="\ud800")
    for request in (
        get("/x/{v}"),
        get("/x", query={"v": "{v}"}),
        get("/x", headers={"X-V": "{v}"}),
        Request(method="POST", path="/x", body=Body(json={"v": "{v}"})),
    ):
        with pytest.raises(ArgumentRefused):
            build(request, broken)


def test_a_url_that_servers_would_not_take_is_refused() -> None:
    with pytest.raises(ArgumentRefused, match="too long"):
        build(get("/x", query={"q": "{q}"}), scope(q="ä" * 5_000))
