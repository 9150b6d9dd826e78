"""The shipped manifests: complete, documented, and the same contract as the types that read them."""

import copy
import json
import re
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec
import pytest

from pipes_api import manifests, resources
from pipes_api.grant import Grant
from pipes_api.states import TERMINAL, SessionState

SESSION_CRD, BINDING_CRD = manifests.crds()
OPERATOR = "system:serviceaccount:elsewhere:pipes"


def schema(crd: dict[str, Any], part: str) -> dict[str, Any]:
    root = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return dict(root["properties"][part])


def fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from fields(each, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield from fields(schema[inner], f"{path}[]")


ALL_FIELDS = [
    field
    for crd in (SESSION_CRD, BINDING_CRD)
    for part in ("spec", "status")
    for field in fields(schema(crd, part), f"{crd['spec']['names']['singular']}.{part}")
]


@pytest.mark.parametrize(("path", "field"), ALL_FIELDS, ids=[path for path, _ in ALL_FIELDS])
def test_every_field_says_what_it_is_and_is_bounded(path: str, field: dict[str, Any]) -> None:
    description = field["description"]
    assert description[0].isupper() or description.startswith(("true", "false")), description
    assert description.endswith("."), description
    if field["type"] == "string" and field.get("format") != "date-time":
        assert "maxLength" in field or "enum" in field
    if field["type"] == "array":
        assert "maxItems" in field
    if "additionalProperties" in field:
        assert "maxProperties" in field
    if "default" in field:
        assert "Default " in description
    for rule in field.get("x-kubernetes-validations", ()):
        assert rule["message"], "a refusal is a sentence"
        assert "pattern" not in field, "a pattern refuses before the rule can say its sentence"


def test_states_are_those_of_the_contract() -> None:
    assert schema(SESSION_CRD, "status")["properties"]["state"]["enum"] == [state.value for state in SessionState]


def test_ends_are_those_of_the_contract() -> None:
    (rule,) = [
        rule["rule"]
        for rule in schema(SESSION_CRD, "status")["x-kubernetes-validations"]
        if rule["fieldPath"] == ".state"
    ]
    named = set(re.findall(r"'(\w+)'", rule))
    assert named == {state.value for state in SessionState} - {state.value for state in TERMINAL}


READ_BY = [
    (resources.AgentSessionSpec, schema(SESSION_CRD, "spec")),
    (resources.AgentSessionStatus, schema(SESSION_CRD, "status")),
    (Grant, schema(SESSION_CRD, "status")["properties"]["grant"]),
    (resources.ProviderBindingSpec, schema(BINDING_CRD, "spec")),
    (resources.ProviderBindingStatus, schema(BINDING_CRD, "status")),
]


@pytest.mark.parametrize(("kind", "schema"), READ_BY, ids=[kind.__name__ for kind, _ in READ_BY])
def test_types_and_schema_have_the_same_fields(kind: type, schema: dict[str, Any]) -> None:
    # The API server drops what the schema lacks, so a field of the type alone would be lost in writing.
    compare(kind, schema, kind.__name__)


def compare(kind: Any, schema: dict[str, Any], path: str) -> None:
    arguments = [each for each in typing.get_args(kind) if each is not type(None) and each is not Ellipsis]
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        (kind,) = arguments
        compare(kind, schema, path)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        ours = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        theirs = schema["properties"]
        assert ours.keys() == theirs.keys(), path
        for name, each in ours.items():
            compare(each, theirs[name], f"{path}.{name}")
    elif typing.get_origin(kind) is tuple:
        assert schema["type"] == "array", path
        compare(arguments[0], schema["items"], f"{path}[]")
    elif typing.get_origin(kind) is dict:
        assert schema["type"] == "object", path
        if "additionalProperties" in schema:
            compare(arguments[1], schema["additionalProperties"], f"{path}{{}}")
        else:
            assert "properties" in schema or schema["x-kubernetes-preserve-unknown-fields"], path
    elif typing.get_origin(kind) is typing.Literal:
        assert list(typing.get_args(kind)) == schema["enum"], path
    elif isinstance(kind, type) and issubclass(kind, Enum):
        assert [each.value for each in kind] == schema["enum"], path
    elif kind is datetime:
        assert schema["format"] == "date-time", path
    else:
        expected = {str: "string", int: "integer", bool: "boolean"}[kind]
        assert schema["type"] == expected, path


def test_every_placeholder_is_filled_in() -> None:
    for stamping in (True, False):
        text = json.dumps(manifests.load(OPERATOR, stamping=stamping))
        assert not re.search(r"@\w+@", text)
        assert "pipes-system" not in text
        assert f"== '{OPERATOR}'" in text


@pytest.mark.parametrize(
    "operator", ["alice", "system:serviceaccount:a", "system:serviceaccount:a:b' || true || '", ""]
)
def test_an_operator_that_is_no_service_account_is_refused(operator: str) -> None:
    for make in (manifests.load, manifests.policies, manifests.accounts, manifests.broker_rights):
        with pytest.raises(ValueError, match="not the user name of a ServiceAccount"):
            make(operator)


def test_each_policy_is_bound_everywhere_and_denies() -> None:
    documents = manifests.policies()
    policies, bindings = documents[::2], documents[1::2]
    assert len(policies) == len(bindings) == 10
    for policy, binding in zip(policies, bindings, strict=True):
        name = policy["metadata"]["name"]
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert binding["kind"] == policy["kind"] + "Binding"
        assert binding["metadata"]["name"] == binding["spec"]["policyName"] == name
        assert binding["spec"].keys() <= {"policyName", "validationActions"}
        if policy["kind"] == "ValidatingAdmissionPolicy":
            assert binding["spec"]["validationActions"] == ["Deny", "Audit"]
            for validation in policy["spec"]["validations"]:
                assert "message" in validation or "messageExpression" in validation


def test_stamping_belongs_to_servers_that_have_it() -> None:
    kinds = {document["kind"] for document in manifests.load(stamping=False)}
    assert "ValidatingAdmissionPolicy" in kinds
    assert not any(kind.startswith("Mutating") for kind in kinds)
    assert manifests.has_stamping({"major": "1", "minor": "36"})
    assert manifests.has_stamping({"major": "1", "minor": "37+"})
    assert manifests.has_stamping({"major": "2", "minor": "0"})
    assert not manifests.has_stamping({"major": "1", "minor": "35+"})
    assert not manifests.has_stamping({})


def test_the_approval_policy_looks_at_each_binding_there_can_be() -> None:
    (policy,) = [each for each in manifests.policies() if each["metadata"]["name"].startswith("approval.")][:1]
    text = json.dumps(policy["spec"]["validations"])
    most = schema(SESSION_CRD, "spec")["properties"]["bindings"]["maxItems"]
    assert {int(index) for index in re.findall(r"effective\[(\d+)\]", text)} == set(range(most))
    assert '"repeat"' not in text


def test_no_role_is_aggregated_or_holds_everything() -> None:
    for role in [*manifests.roles(), *manifests.operator_rights(), *manifests.broker_rights()]:
        assert "aggregationRule" not in role
        assert not role["metadata"].get("labels")
        for rule in role.get("rules", ()):
            assert "*" not in json.dumps(rule)


def test_no_role_can_connect_or_speak_for_anybody() -> None:
    text = json.dumps([*manifests.roles(), *manifests.operator_rights(), *manifests.broker_rights()])
    assert "pipesconnections" not in text
    assert "pipesusers" not in text


def test_the_operator_can_approve_and_change_nothing_that_binds_it() -> None:
    for role in manifests.operator_rights():
        for rule in role.get("rules", ()):
            verbs = set(rule["verbs"])
            assert not verbs & {"approve", "revoke", "connect", "impersonate", "bind", "escalate"}
            if {"admissionregistration.k8s.io", "apiextensions.k8s.io"} & set(rule["apiGroups"]):
                assert verbs <= {"get", "list", "watch"}
            if "agentsessions" in rule["resources"]:
                assert verbs <= {"get", "list", "watch", "create", "delete"}


def test_heartbeats_give_nothing() -> None:
    binding, session = manifests.heartbeats("team-a", "installer@example.com")
    assert {binding["metadata"]["name"], session["metadata"]["name"]} == {"pipes-heartbeat"}
    assert binding["spec"]["suspended"] is True
    assert "approval" not in session["spec"]
    assert session["spec"]["requestedBy"] == "installer@example.com"
    assert "requestedBy" not in manifests.heartbeats("team-a")[1]["spec"]


KINDS = ("AdmissionPolicy", "AdmissionPolicyBinding", "CustomResourceDefinition")
COMPARED = [document for document in manifests.load() if document["kind"].endswith(KINDS)]


def title(document: dict[str, Any]) -> str:
    return f"{document['kind']}-{document['metadata']['name']}"


def mutants(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each copy of the value with one leaf changed, one key added or one item taken away, and where."""
    if isinstance(value, dict):
        yield f"{path}.added", {**value, "added": 1}
        for key in value:
            yield f"{path}.{key}", {name: each for name, each in value.items() if name != key}
            for inner, mutant in mutants(value[key], f"{path}.{key}"):
                yield inner, {**value, key: mutant}
    elif isinstance(value, list):
        yield f"{path}[{len(value)}]", [*value, {"added": 1}]
        for index, each in enumerate(value):
            for inner, mutant in mutants(each, f"{path}[{index}]"):
                yield inner, [*value[:index], mutant, *value[index + 1 :]]
    else:
        yield path, "another"


DEFAULTED = re.compile(r"\.(failurePolicy|scope|namespaceSelector|objectSelector|matchPolicy|conversion)$")


@pytest.mark.parametrize("document", COMPARED, ids=title)
def test_any_change_of_a_spec_is_found_where_it_is(document: dict[str, Any]) -> None:
    assert manifests.same_spec(document, copy.deepcopy(document)) is None
    for path, mutant in mutants(document["spec"], "spec"):
        found = manifests.same_spec(document, {**document, "spec": mutant})
        if found is None:
            # To leave out what the server fills in is no change.
            assert DEFAULTED.search(path), path
        else:
            assert found.startswith(path), path


def test_another_kind_or_no_spec_is_not_the_same() -> None:
    policy = manifests.policies()[0]
    assert manifests.same_spec(policy, {**policy, "kind": "MutatingAdmissionPolicy"}) == "kind"
    assert manifests.same_spec(policy, {"metadata": policy["metadata"]}) is not None
    assert manifests.same_spec(policy, {**policy, "spec": None}) is not None


def test_true_is_not_one() -> None:
    crd = manifests.crds()[0]
    live = copy.deepcopy(crd)
    live["spec"]["versions"][0]["served"] = 1
    assert manifests.same_spec(crd, live) == "spec.versions[0].served"
