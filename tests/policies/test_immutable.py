"""Nothing of a request changes after it was made. The changes are made from the schema, so a new field is covered."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from pipes_api import manifests
from policies.stage import ADMIN, ALICE, Stage, check

pytestmark = pytest.mark.apiserver

SPEC = manifests.crds()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
WRITTEN_LATER = {"approval", "revocation"}

# Two valid values of each text that has a form; any other text may be anything.
EXAMPLES: dict[str, tuple[str, str]] = {
    "serviceAccountName": ("agent", "other"),
    "podUID": ("0b1cbd1e-0000-4000-8000-000000000000", "0b1cbd1e-0000-4000-8000-000000000001"),
    "name": ("snowflake", "drive"),
    "duration": ("30m", "31m"),
    "arguments": ('{"limit":10}', '{"limit":11}'),
    "requestedBy": ("admin", "alice@example.com"),
}


def example(name: str, schema: dict[str, Any], which: int) -> Any:
    """A valid value of that schema with every field; `which` of two that differ everywhere."""
    if "enum" in schema:
        return schema["enum"][which]
    if schema["type"] == "object":
        return {key: example(key, each, which) for key, each in schema["properties"].items()}
    if schema["type"] == "array":
        return [example(name, schema["items"], which)]
    if schema["type"] == "boolean":
        return bool(which)
    if schema["type"] == "integer":
        return schema["minimum"] + which
    return EXAMPLES.get(name, ("one", "another"))[which]


def request() -> dict[str, Any]:
    """Every field set: the first binding with tools, a second one with exact calls, since one cannot have both."""
    made = {name: example(name, schema, 0) for name, schema in SPEC["properties"].items() if name not in WRITTEN_LATER}
    (both,) = made["bindings"]
    with_tools = {key: value for key, value in both.items() if key != "calls"}
    with_calls = {key: value for key, value in both.items() if key != "tools"}
    return {**made, "bindings": [with_tools, {**with_calls, "name": "github"}]}


def leaves(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, dict[str, Any]]]:
    """Path (RFC 6901 tokens), name and schema of every value that can be written into a request."""
    for name, each in schema.get("properties", {}).items():
        if path or name not in WRITTEN_LATER:
            # Exact calls stand in the second binding of `request`.
            at = ("bindings", "1") if name == "calls" else path
            yield (*at, name), name, each
            if each["type"] == "object":
                yield from leaves(each, (*at, name))
            elif each["type"] == "array":
                yield (*at, name, "0"), name, each["items"]
                yield from leaves(each["items"], (*at, name, "0"))


LEAVES = list(leaves(SPEC))


@pytest.fixture(scope="module")
def made(stage: Stage) -> str:
    """Name of a session with every field set."""
    name = stage.name()
    check(stage.create(ADMIN, stage.session(name, **request())), None)
    return name


@pytest.fixture(scope="module")
def bare(stage: Stage) -> str:
    """Name of a session with required fields only."""
    name = stage.name()
    required = {each: copy.deepcopy(request()[each]) for each in SPEC["required"]}
    required["agent"].pop("podUID")
    for binding in required["bindings"]:
        binding.pop("tools", None)
        binding.pop("calls", None)
    check(stage.create(ADMIN, stage.session(name, **required)), None)
    return name


@pytest.mark.parametrize(("path", "name", "schema"), LEAVES, ids=[".".join(path) for path, _, _ in LEAVES])
@pytest.mark.parametrize("who", [ADMIN, ALICE])
def test_no_value_changes(
    stage: Stage, made: str, who: str, path: tuple[str, ...], name: str, schema: dict[str, Any]
) -> None:
    value = example(name, schema, 1)
    if path in (("bindings",), ("bindings", "0")):
        item = value[0] if path == ("bindings",) else value
        item.pop("calls")
    change = {"op": "replace", "path": "/spec/" + "/".join(path), "value": value}
    check(stage.edit(who, "AgentSession", made, change), "cannot change after the request was made")


@pytest.mark.parametrize(("path", "name", "schema"), LEAVES, ids=[".".join(path) for path, _, _ in LEAVES])
def test_no_value_goes_away(stage: Stage, made: str, path: tuple[str, ...], name: str, schema: dict[str, Any]) -> None:
    removal = stage.edit(ADMIN, "AgentSession", made, {"op": "remove", "path": "/spec/" + "/".join(path)})
    if "default" in schema:
        # It comes back at its default, which is what the request says here.
        assert removal.accepted, removal.message
    else:
        refusals = ("cannot change after the request was made", "Required value", "should have at least 1")
        assert not removal.accepted
        assert any(refusal in removal.message for refusal in refusals), removal.message


# What the bare request lacks.
ABSENT = [
    (path, name, schema)
    for path, name, schema in LEAVES
    if path[-1] != "0" and (path[0] not in SPEC["required"] or path[-1] in ("podUID", "tools", "calls"))
]


@pytest.mark.parametrize(("path", "name", "schema"), ABSENT, ids=[".".join(path) for path, _, _ in ABSENT])
def test_no_value_comes_later(
    stage: Stage, bare: str, path: tuple[str, ...], name: str, schema: dict[str, Any]
) -> None:
    value = example(name, schema, 1)
    if path[0] not in SPEC["required"]:
        # Its parent is missing too, and comes along.
        parent = SPEC["properties"][path[0]]
        beside = {each: example(each, parent["properties"][each], 1) for each in parent.get("required", ())}
        value = {**beside, path[1]: value} if path[1:] else value
        path = path[:1]
    answer = stage.edit(ADMIN, "AgentSession", bare, {"op": "add", "path": "/spec/" + "/".join(path), "value": value})
    check(answer, "cannot change after the request was made")


def test_items_are_neither_added_nor_taken_away(stage: Stage, made: str) -> None:
    more = {"op": "add", "path": "/spec/bindings/-", "value": {"name": "jira"}}
    check(stage.edit(ADMIN, "AgentSession", made, more), "bindings cannot change")
    another = {"op": "add", "path": "/spec/bindings/0/tools/-", "value": "another"}
    check(stage.edit(ADMIN, "AgentSession", made, another), "bindings cannot change")


def test_nothing_was_changed(stage: Stage, made: str) -> None:
    assert stage.get("AgentSession", made)["spec"] == request()
