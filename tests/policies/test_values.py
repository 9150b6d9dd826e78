"""What people write wrong is refused with a sentence that says what to write."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipes_api import durations
from policies.stage import ADMIN, BOB, Stage, check

pytestmark = pytest.mark.apiserver

DATA = Path(__file__).parents[1] / "data"
WRITE_A_DURATION = "write hours, minutes and seconds like 15m, 1h or 1h30m, between 1m and 24h"
PLAIN_TEXT = "write one line of plain text without control or invisible characters"

# These are right for us: the list was made for a ceiling of 12h, and ceilings come from a binding's maxDuration.
UNDER_OUR_CEILING = {"24h", "12h0m1s"}


def duration_lines() -> list[tuple[Any, bool]]:
    """Each form of the list as it would arrive in JSON, and whether it is one; `agree` means we refuse it."""
    rows: list[tuple[Any, bool]] = []
    for line in (DATA / "durations.txt").read_text().split("\n"):
        if line and not line.startswith("##"):
            text, expect, *_ = line.split("\t")
            written, _, how = text.partition(" # ")
            # What YAML 1.1 makes of the two that are not quoted: an integer.
            value: Any = {"60": 60, "1:30": 90}[written] if how else written.replace("\\n", "\n")
            rows.append((value, expect == "valid" or value in UNDER_OUR_CEILING))
    return rows


@pytest.mark.parametrize(("value", "valid"), duration_lines(), ids=lambda value: repr(value))
def test_durations(stamped: Stage, value: Any, valid: bool) -> None:
    session = stamped.session(stamped.name(), duration=value)
    binding = stamped.binding(stamped.name(), limits={"maxDuration": value})
    approval = stamped.session(stamped.name(), duration="24h", approval={"decision": "Approved", "duration": value})
    for field, document in (
        ("spec.duration", session),
        ("spec.limits.maxDuration", binding),
        ("spec.approval.duration", approval),
    ):
        answer = stamped.create(ADMIN, document)
        check(answer, None if valid else f"{field}: Invalid value")
        if not valid:
            assert WRITE_A_DURATION in answer.message or "must be of type string" in answer.message
    if isinstance(value, str):
        assert agreed(value) == valid, "the API server and the parser of every other door disagree"
    # One bad object never stops others.
    check(stamped.create(BOB, stamped.session(stamped.name())), None)


def agreed(text: str) -> bool:
    try:
        durations.parse(text)
    except ValueError:
        return False
    return True


REFUSED_REASONS = {"ansi", "cr", "bidi", "isolate", "tag_chars", "newline_fake_field", "nul"}


def reasons() -> list[tuple[str, str, str | None]]:
    rows: list[tuple[str, str, str | None]] = []
    for case in json.loads((DATA / "reasons.json").read_text()):
        name, text = case["name"], case["reason"]
        refused = PLAIN_TEXT if name in REFUSED_REASONS else None
        if name == "empty":
            refused = "spec.reason in body should be at least 1 chars long"
        elif len(text) > 1000:
            refused = "may not be more than 1000"
        rows.append((name, text, refused))
    return [
        *rows,
        ("line separator", "a\u2028b", PLAIN_TEXT),
        ("zero width space", "a\u200bb", PLAIN_TEXT),
        ("a joiner between letters", "pay\u200dpal", PLAIN_TEXT),
        ("soft hyphen", "a\u00adb", PLAIN_TEXT),
        ("C1 control", "a\u009b2Jb", PLAIN_TEXT),
        ("hidden in variation selectors", "ok\U000e0121\U000e0130", PLAIN_TEXT),
        ("Hangul filler", "a\u3164b", PLAIN_TEXT),
        ("any language, and emoji", "четвертинка 数字 é 🧾 שלום <b>&", None),
        ("emoji made of several", "👩‍💻 👨‍👩‍👧 ❤️ 👍🏽", None),
        ("as long as it may be", "é" * 1000, None),
        ("one longer", "é" * 1001, "may not be more than 1000"),
    ]


@pytest.mark.parametrize(("what", "text", "refused"), reasons(), ids=[row[0] for row in reasons()])
def test_reasons(stamped: Stage, what: str, text: str, refused: str | None) -> None:
    name = stamped.name()
    answer = stamped.create(BOB, stamped.session(name, reason=text))
    check(answer, refused)
    if refused is None:
        assert stamped.get("AgentSession", name)["spec"]["reason"] == text
    assert "\x1b" not in answer.message


AGENT_NAME = "write the name of a ServiceAccount of this namespace, like analyst"
TOOL_NAME = "write a tool name of letters, digits, - and _, like snowflake_query"
POD_UID = "0b1cbd1e-0000-4000-8000-000000000000"


def tools(*tools: str) -> dict[str, Any]:
    return {"bindings": [{"name": "drive", "tools": list(tools)}]}


SESSIONS: list[tuple[str, dict[str, Any], str]] = [
    ("no agent", {"agent": {}}, "spec.agent.serviceAccountName: Required value"),
    ("an agent that is no name", {"agent": {"serviceAccountName": "A b"}}, AGENT_NAME),
    ("a pod that is none", {"agent": {"serviceAccountName": "a", "podUID": "x\ny"}}, "write the pod's metadata.uid"),
    (
        "shared, and bound to a pod",
        {"agent": {"serviceAccountName": "a", "shared": True, "podUID": POD_UID}},
        "a shared session names no pod; leave out podUID or shared",
    ),
    ("no bindings", {"bindings": []}, "spec.bindings in body should have at least 1 items"),
    ("a binding twice", {"bindings": [{"name": "a"}, {"name": "a"}]}, "Duplicate value"),
    ("a binding that is no name", {"bindings": [{"name": "a b"}]}, "write the name of a ProviderBinding"),
    ("access that is none", {"bindings": [{"name": "a", "access": "Admin"}]}, 'supported values: "Read", "Write"'),
    ("no tools", tools(), "spec.bindings[0].tools in body should have at least 1 items"),
    ("a tool twice", tools("a", "a"), "Duplicate value"),
    ("a tool that is no name", tools("a\nb"), TOOL_NAME),
    ("limits that limit nothing", {"limits": {}}, "should have at least 1 properties"),
    ("no calls at all", {"limits": {"maxCalls": 0}}, "should be greater than or equal to 1"),
    ("half a call", {"limits": {"maxCalls": 1.5}}, "must be of type integer"),
    ("a million and one", {"limits": {"maxCalls": 1_000_001}}, "should be less than or equal to"),
]


@pytest.mark.parametrize(("what", "spec", "refused"), SESSIONS, ids=[row[0] for row in SESSIONS])
def test_sessions(stamped: Stage, what: str, spec: dict[str, Any], refused: str) -> None:
    check(stamped.create(BOB, stamped.session(stamped.name(), **spec)), refused)


def connection(**connection: Any) -> dict[str, Any]:
    return {"connection": connection}


BINDINGS: list[tuple[str, dict[str, Any], str]] = [
    ("a provider that is none", {"provider": "Snow Flake"}, "write the provider's slug in Pipes, like snowflake"),
    ("no user", connection(), "spec.connection.userId: Required value: name the user whose connection it is"),
    ("a user that is none", connection(userId="user\x1b[2J"), "write the user's id in WorkOS, like user_01HXYZ"),
    ("everybody", connection(userId="*"), "write the user's id in WorkOS"),
    ("no organization", connection(userId="u", owner="Organization"), "owner Organization needs an organizationId"),
    (
        "an organization that is none",
        connection(userId="u", owner="Organization", organizationId="org/.."),
        "write the organization's id in WorkOS, like org_01HXYZ",
    ),
    ("an account that is none", connection(userId="u", connectedAccountId="a b"), "write the connected account's id"),
    ("an agent that is no name", {"limits": {"allowedServiceAccounts": ["A b"]}}, AGENT_NAME),
    ("a catalog that is none", {"tools": {"catalog": "../x"}}, "write the name of a catalog, like snowflake"),
    ("an included tool that is no name", {"tools": {"include": ["drop table"]}}, TOOL_NAME),
    ("an endpoint with a path", {"endpoint": {"account": "evil.example/x"}}, "write a part of a host name"),
    ("an endpoint with a port", {"endpoint": {"account": "evil.example:80"}}, "write a part of a host name"),
    ("an endpoint with a user", {"endpoint": {"account": "a@evil.example"}}, "write a part of a host name"),
    ("nobody allowed", {"limits": {"allowedServiceAccounts": []}}, "should have at least 1 items"),
    ("access that is none", {"limits": {"maxAccess": "read"}}, 'supported values: "Read", "Write"'),
    ("no tools included", {"tools": {"include": []}}, "should have at least 1 items"),
    ("a tool that is no name", {"tools": {"exclude": ["drop table"]}}, TOOL_NAME),
]


@pytest.mark.parametrize(("what", "spec", "refused"), BINDINGS, ids=[row[0] for row in BINDINGS])
def test_bindings(stamped: Stage, what: str, spec: dict[str, Any], refused: str) -> None:
    check(stamped.create(ADMIN, stamped.binding(stamped.name(), **spec)), refused)
