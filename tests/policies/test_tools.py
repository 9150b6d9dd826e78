"""Tools, restrictions and exact calls: what the API server itself refuses, by a sentence that says what to write."""

from typing import Any

import pytest

from data_files import lines
from policies.stage import ADMIN, ALICE, BOB, Stage, check

pytestmark = pytest.mark.apiserver

HOSTED: dict[str, Any] = {"url": "https://mcp.example.com/mcp", "discover": True}
PINNED: dict[str, Any] = {"url": HOSTED["url"], "tools": [{"name": "x", "inputSchema": {"type": "object"}}]}
ADDRESSES = [line for _, line in lines("urls.txt") if line]
HOST_VALUES = [line for _, line in lines("host_values.txt") if line]
GET = {"method": "GET", "path": "/v1/accounts/{id}"}


def call(arguments: str, tool: str = "snowflake_query") -> dict[str, Any]:
    return {"bindings": [{"name": "snowflake", "calls": [{"tool": tool, "arguments": arguments}]}]}


def custom(**tool: Any) -> dict[str, Any]:
    return {"tools": {"custom": [{"name": "accounts", **tool}]}}


def hosted(**server: Any) -> dict[str, Any]:
    return {"tools": {"mcp": server}}


CALLS: list[tuple[str, dict[str, Any], str | None]] = [
    ("a call", call('{"statement":"SELECT 1"}'), None),
    ("text of any language", call('{"statement":"четвертинка 数字 é 🧾"}'), None),
    ("as long as it may be", call('{"a":"' + "x" * 16_376 + '"}'), None),
    ("one longer", call('{"a":"' + "x" * 16_377 + '"}'), "may not be more than 16384"),
    ("no object", call("[1]"), 'write a JSON object in canonical form, like {"limit":10}'),
    ("a newline", call("{}\n"), "write a JSON object in canonical form"),
    ("a newline inside", call('{"a":\n1}'), "write the arguments without control or invisible characters"),
    ("a bidi override", call('{"a":"\u202e"}'), "write the arguments without control or invisible characters"),
    ("a line separator", call('{"a":"\u2028"}'), "write the arguments without control or invisible characters"),
    ("a tool that is no name", call("{}", "a\nb"), "write a tool name of letters, digits, - and _"),
    ("no calls", {"bindings": [{"name": "a", "calls": []}]}, "should have at least 1 items"),
    ("seventeen", {"bindings": [{"name": "a", "calls": [{"tool": "t", "arguments": "{}"}] * 17}]}, "at most 16 items"),
    ("no tool", {"bindings": [{"name": "a", "calls": [{"arguments": "{}"}]}]}, "calls[0].tool: Required value"),
    ("no arguments", {"bindings": [{"name": "a", "calls": [{"tool": "t"}]}]}, "calls[0].arguments: Required value"),
    (
        "calls and tools",
        {"bindings": [{"name": "a", "tools": ["t"], "calls": [{"tool": "t", "arguments": "{}"}]}]},
        "name tools or exact calls, not both",
    ),
]


@pytest.mark.parametrize(("what", "spec", "refused"), CALLS, ids=[row[0] for row in CALLS])
def test_exact_calls(stamped: Stage, what: str, spec: dict[str, Any], refused: str | None) -> None:
    check(stamped.create(BOB, stamped.session(stamped.name(), **spec)), refused)


def test_sixteen_bindings_of_sixteen_calls_each_can_be_asked_for(stamped: Stage) -> None:
    calls = [{"tool": "t", "arguments": f'{{"n":{number}}}'} for number in range(16)]
    bindings = [{"name": f"b{number}", "calls": calls} for number in range(16)]
    check(stamped.create(BOB, stamped.session(stamped.name(), bindings=bindings)), None)


TOOLS: list[tuple[str, dict[str, Any], str | None]] = [
    ("a custom tool", custom(access="Read", request=GET, anything={"else": True}), None),
    ("a custom tool without a name", {"tools": {"custom": [{"request": GET}]}}, "custom[0].name: Required value"),
    ("a custom tool with a name that is none", custom(name="Top Accounts"), "write a name of lower-case letters"),
    ("lower case", custom(request={**GET, "method": "get"}), "Unsupported value"),
    *[
        (method, custom(request={**GET, "method": method}), "Unsupported value")
        for method in ("TRACE", "CONNECT", "HEAD", "QUERY", "PURGE", "GET\r\nX: y")
    ],
    ("TRACE before it", custom(lookup={**GET, "method": "TRACE"}), "Unsupported value"),
    ("a path that is a URL", custom(request={**GET, "path": "https://evil.example/"}), "write an absolute path"),
    ("a path that is a host", custom(request={**GET, "path": "//evil.example/"}), "write an absolute path"),
    ("a path with a query", custom(request={**GET, "path": "/v1?x=1"}), "write an absolute path"),
    ("an access that is none", custom(access="Admin"), "Unsupported value"),
    ("too many", {"tools": {"custom": [{"name": f"t{number}"} for number in range(33)]}}, "at most 32 items"),
    ("http", {"tools": {"catalog": "http", "http": {"readPrefixes": ["/v1/reports", "/v2/"]}}}, None),
    ("prefixes without http", {"tools": {"http": {"readPrefixes": ["/v1"]}}}, "readPrefixes are for the catalog http"),
    *[
        (
            f"the prefix {prefix!r}",
            {"tools": {"catalog": "http", "http": {"readPrefixes": [prefix]}}},
            "write whole path segments",
        )
        for prefix in ("/", "", "v1", "/v1/../admin", "/./v1", "//v1", "/v1?x", "/v1#", "/v1/%2e%2e", "/v 1", "/v1\n")
    ],
    ("a hosted server, discovered", hosted(**HOSTED), None),
    ("a hosted server, pinned", hosted(**PINNED, access={"x": "Read"}), None),
    ("a hosted server and include", {"tools": {"mcp": HOSTED, "include": ["x"]}}, None),
    ("a hosted server and a catalog", {"tools": {"mcp": HOSTED, "catalog": "http"}}, "stands in place of a catalog"),
    ("a hosted server and custom", {"tools": {"mcp": HOSTED, "custom": [{"name": "x"}]}}, "stands in place of a cat"),
    ("a hosted server of unknown tools", hosted(url=HOSTED["url"]), "say discover: true to have them read from it"),
    ("neither in words", hosted(url=HOSTED["url"], discover=False), "say discover: true to have them read from it"),
    ("both", hosted(**PINNED, discover=True), "say discover: true to have them read from it, not both"),
    ("an access that is none, hosted", hosted(**HOSTED, access={"x": "Judged"}), "Unsupported value"),
    ("a pinned tool without schema", hosted(url=HOSTED["url"], tools=[{"name": "x"}]), "inputSchema: Required value"),
    ("restrict", {"restrict": {"snowflake_query": {"properties": {"warehouse": {"const": "WH"}}}}}, None),
    ("an empty restrict", {"restrict": {}}, "should have at least 1 properties"),
    ("a restriction that is no schema", {"restrict": {"snowflake_query": True}}, "must be of type object"),
    ("limits of a tool", {"limits": {"tools": {"snowflake_query": {"maxCalls": 1, "callsPerMinute": 1}}}}, None),
    ("limits of a tool without one", {"limits": {"tools": {"snowflake_query": {}}}}, "at least 1 properties"),
    ("a limit of none", {"limits": {"tools": {"query": {"maxCalls": 0}}}}, "greater than or equal to 1"),
    ("Relay", {"credential": "Relay"}, None),
    ("another credential", {"credential": "Basic"}, "Unsupported value"),
]


@pytest.mark.parametrize(("what", "spec", "refused"), TOOLS, ids=[row[0] for row in TOOLS])
def test_tools(stamped: Stage, what: str, spec: dict[str, Any], refused: str | None) -> None:
    check(stamped.create(ADMIN, stamped.binding(stamped.name(), **spec)), refused)


def test_what_the_schema_does_not_know_of_a_custom_tool_is_kept_for_the_operator_to_judge(stamped: Stage) -> None:
    name = stamped.bound(ALICE, **custom(request={**GET, "query": {"a": "{b}"}}, inputSchema={"type": "object"}))
    (tool,) = stamped.get("ProviderBinding", name)["spec"]["tools"]["custom"]
    assert tool == {"name": "accounts", "request": {**GET, "query": {"a": "{b}"}}, "inputSchema": {"type": "object"}}


CHANGES: list[tuple[str, dict[str, Any], dict[str, Any], str | None]] = [
    ("a hosted server", hosted(**HOSTED), hosted(url="https://evil.example/mcp"), "the hosted server cannot change"),
    ("a hosted server, gone", hosted(**HOSTED), {"tools": {"mcp": None}}, "the hosted server cannot change"),
    ("a hosted server, come", {}, hosted(**HOSTED), "the hosted server cannot change: make a new binding"),
    ("its access", hosted(**HOSTED), hosted(access={"x": "Read"}), None),
    ("the credential", {}, {"credential": "Relay"}, "credential cannot change: make a new binding"),
    ("the credential, back", {"credential": "Relay"}, {"credential": None}, "credential cannot change"),
    ("a restriction", {}, {"restrict": {"query": {"required": ["warehouse"]}}}, None),
    ("a custom tool", {}, custom(), None),
]


@pytest.mark.parametrize(("what", "before", "after", "refused"), CHANGES, ids=[row[0] for row in CHANGES])
def test_what_may_change(
    stamped: Stage, what: str, before: dict[str, Any], after: dict[str, Any], refused: str | None
) -> None:
    check(stamped.merge(ADMIN, "ProviderBinding", stamped.bound(ADMIN, **before), after), refused)


# These are names, so only the operator can tell that they are nobody's: tests/operator has them.
WELL_FORMED = {
    "https://127.0.0.1.nip.io/",
    "https://acme.snowflakecomputing.com.evil.example/",
    "https://api.workos.com.evil.example/",
    "https://api.workos.com:22/",
    "https://evil.example/.snowflakecomputing.com/",
    "https://kubernetes.default.svc/api/v1/secrets",
    "https://pipes-operator.pipes-system.svc:8443/v1/sessions/watch",
    "https://xn--pi-workos-9za.com/",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_hostile_address_is_a_hosted_server(stamped: Stage, address: str) -> None:
    answer = stamped.create(ADMIN, stamped.binding(stamped.name(), **hosted(**{**HOSTED, "url": address})))
    check(answer, None if address in WELL_FORMED else "write https, the host's name in lower case and a plain path")


@pytest.mark.parametrize("value", [*HOST_VALUES, *ADDRESSES])
def test_no_hostile_host_value_is_part_of_a_host(stamped: Stage, value: str) -> None:
    answer = stamped.create(ADMIN, stamped.binding(stamped.name(), endpoint={"account": value}))
    check(answer, "spec.endpoint[account]: Invalid value")
    assert "write a part of a host name, like acme or acme.eu" in answer.message


@pytest.mark.parametrize("value", ["acme", "acme-eu1", "ORG-ACME", "org_acme", "xy12345.eu-central-1.aws"])
def test_an_honest_host_value_passes(stamped: Stage, value: str) -> None:
    check(stamped.create(ADMIN, stamped.binding(stamped.name(), endpoint={"account": value})), None)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_hostile_address_is_the_path_of_a_custom_tool(stamped: Stage, address: str) -> None:
    answer = stamped.create(ADMIN, stamped.binding(stamped.name(), **custom(request={**GET, "path": address})))
    check(answer, "write an absolute path without host and query, like /v1/accounts/{id}")
