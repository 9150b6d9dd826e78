"""The hash a person approves changes with everything the grant allows, and with nothing else."""

import msgspec
import pytest

from pipes_api import grant as grants
from pipes_api.resources import Access, Agent, Connection, CredentialMode, Limits, OnBehalfOf, ToolLimits, plain

BINDING = grants.GrantedBinding(
    name="snowflake",
    uid="b-1",
    provider="snowflake",
    catalog="snowflake",
    connection=Connection(user_id="user_alice"),
    account="acct_1",
    access=Access.READ,
    tools={"snowflake_query": "h1"},
    hosts=("*.snowflakecomputing.com",),
)
GRANT = grants.Grant(
    uid="s-1", agent=Agent(service_account_name="analyst"), duration=900, reason="numbers", bindings=(BINDING,)
)


def _with(**change: object) -> grants.Grant:
    return msgspec.structs.replace(GRANT, **change)


def _binding(**change: object) -> grants.Grant:
    return _with(bindings=(msgspec.structs.replace(BINDING, **change),))


WIDER_OR_OTHER = {
    "another session": _with(uid="s-2"),
    "another agent": _with(agent=Agent(service_account_name="other")),
    "every pod of the agent": _with(agent=Agent(service_account_name="analyst", shared=True)),
    "one pod of the agent": _with(agent=Agent(service_account_name="analyst", pod_uid="p-1")),
    "longer": _with(duration=901),
    "another reason": _with(reason="numbers!"),
    "a budget": _with(limits=Limits(max_calls=1)),
    "a binding made anew": _binding(uid="b-2"),
    "another account": _binding(account="acct_2"),
    "another person": _binding(connection=Connection(user_id="user_bob")),
    "writing": _binding(access=Access.WRITE),
    "a changed tool": _binding(tools={"snowflake_query": "h2"}),
    "one more tool": _binding(tools={"snowflake_query": "h1", "snowflake_describe": "h3"}),
    "another host": _binding(hosts=("*.example.com",)),
    "another endpoint": _binding(endpoint={"account": "acme"}),
    "by the relay": _binding(credential=CredentialMode.RELAY),
    "restricted arguments": _binding(restrict={"snowflake_query": {"required": ["warehouse"]}}),
    "one exact call": _binding(calls=(grants.GrantedCall(tool="snowflake_query", arguments="{}"),)),
    "a ceiling of one tool": _binding(limits={"snowflake_query": ToolLimits(max_calls=1)}),
    "in a person's name": _with(on_behalf_of=OnBehalfOf(user_id="user_alice")),
    "no binding": _with(bindings=()),
}


@pytest.mark.parametrize("what", WIDER_OR_OTHER)
def test_the_hash_tells_apart(what: str) -> None:
    assert grants.grant_hash(WIDER_OR_OTHER[what]) != grants.grant_hash(GRANT)


def test_every_field_of_grant_and_binding_is_told_apart_above() -> None:
    changed = {field for other in WIDER_OR_OTHER.values() for field in _differing(other, GRANT)}
    assert changed == set(grants.Grant.__struct_fields__)
    inner = {field for other in WIDER_OR_OTHER.values() for one in other.bindings for field in _differing(one, BINDING)}
    # The name and provider of a binding follow from its uid: both are immutable, or part of the object's identity.
    assert set(grants.GrantedBinding.__struct_fields__) - inner == {"name", "provider", "catalog"}


def test_the_hash_survives_the_way_through_json_and_key_order() -> None:
    shuffled = dict(reversed(list(msgspec.json.decode(msgspec.json.encode(plain(GRANT))).items())))
    assert grants.grant_hash(grants.read(shuffled)) == grants.grant_hash(GRANT)


def test_the_hash_has_the_form_that_the_crd_takes() -> None:
    import re

    assert re.fullmatch(r"g1-[a-z2-7]{26}", grants.grant_hash(GRANT))


def test_a_grant_with_a_field_of_a_newer_version_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        grants.read({**plain(GRANT), "anythingNew": True})


def _differing(one: msgspec.Struct, other: msgspec.Struct) -> set[str]:
    return {field for field in one.__struct_fields__ if getattr(one, field) != getattr(other, field)}
