"""Paths a caller writes: accepted only if every server reads them alike."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_files import lines
from pipes_catalog.paths import path_problem, under
from pipes_catalog.tunnels import tunnels


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/items",
        "/v1/items/",
        "/v1/a%20b/%C3%A4",
        "/v4/projects/group%2Fproject",
        "/v1/x:batchGet",
        "/v1/100%25",
    ],
)
def test_plain_paths_are_accepted(path: str) -> None:
    assert path_problem(path) == ""


@pytest.mark.parametrize(
    "path",
    [
        *("", "v1", "https://evil.example/", "//evil.example/x", "/a//b", "/a/../b", "/a/./b", "/..", "/.", "/a/.."),
        *(
            "/a/%2e%2e/b",
            "/a/%2E./b",
            "/a/%252e%252e/b",
            "/a/%25252e%25252e/b",
            "/a%2F..%2Fb",
            "/a%2f%2e%2e",
            "/a%2F%2Fb",
        ),
        *(
            "/a/..;/b",
            "/a/..;x=1/b",
            "/a/%2e%2e%3b/b",
            "/a\\b",
            "/a%5Cb",
            "/a%5c..%5cb",
            "/a?b",
            "/a%3Fb",
            "/a#b",
            "/a%23",
        ),
        *(
            "/a b",
            "/a\tb",
            "/a%00",
            "/a%0d%0ab",
            "/a%7f",
            "/ä",
            "/a%c0%ae%c0%ae/b",
            "/a%ff",
            "/a%",
            "/a%zz",
            "/a/%20../b",
        ),
        *(
            "/a/%EF%BC%8E%EF%BC%8E/b",
            "/a/%E2%80%A5/b",
            "/a%EF%BC%8Fb/%2e",
            "/a%E2%80%8B",
            "/a%252525252e",
            "/" + "x" * 5_000,
        ),
    ],
)
def test_paths_that_could_be_read_otherwise_are_refused(path: str) -> None:
    assert path_problem(path)


@pytest.mark.parametrize("value", [value for _, value in lines("path_params.txt")])
def test_nothing_hostile_gets_out_of_its_place(value: str) -> None:
    if path_problem(f"/v1/{value}"):
        return
    assert under("/v1", f"/v1/{value}")
    assert ".." not in unquote(unquote(value)).replace("\\", "/").split("/")


@given(st.text(alphabet="/.%25eEfF;a\\?#", max_size=20))
def test_what_is_accepted_never_steps_up(tail: str) -> None:
    path = "/v1/" + tail
    if path_problem(path):
        return
    text = path
    for _ in range(8):
        assert not {".", ".."} & {each.partition(";")[0] for each in text.split("/")}
        assert "\\" not in text
        text = unquote(text)


@pytest.mark.parametrize(
    ("prefix", "path", "outcome"),
    [
        ("/v1/items", "/v1/items", True),
        ("/v1/items/", "/v1/items", True),
        ("/v1/items", "/v1/items/4", True),
        ("/v1/items", "/v1/items2", False),
        ("/v1/items", "/v1/Items", False),
        ("/v1/items", "/v1/items;x", False),
        ("/v1/items", "/v1/%69tems", False),
        ("/", "/anything", True),
    ],
)
def test_a_prefix_is_of_whole_segments(prefix: str, path: str, outcome: bool) -> None:
    assert under(prefix, path) is outcome


def test_names_that_tunnel_a_method() -> None:
    assert tunnels("POST", "_method")
    assert tunnels("GET", "_METHOD[]")
    assert tunnels("GET", "method")
    assert not tunnels("POST", "method")
    assert not tunnels("GET", "methods")
