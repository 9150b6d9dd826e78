"""A binding with its tools, or the field that keeps it from being offered."""

from typing import Any

import pytest

from data_files import lines
from pipes_api import resources
from pipes_catalog import load
from pipes_operator.decisions.facts import Offer
from pipes_operator.sources import Listing, Sources

CATALOGS = load()
MCP = "https://mcp.example.com/mcp"
ALLOWED = {"snowflake": ("mcp.example.com", "*.hosted.example")}


def offered(
    *, listing: Listing | None = None, allowed: Any = ALLOWED, relay: bool = False, name: str = "snowflake", **spec: Any
) -> Offer:
    binding = resources.binding(
        {
            "metadata": {"name": name, "namespace": "team", "uid": "u1", "generation": 1},
            "spec": {"provider": "snowflake", "connection": {"userId": "user_alice"}, **spec},
        }
    )
    return Sources(CATALOGS, allowed, relay=relay).offer(binding, listing or Listing())


def on(argument: str, **schema: Any) -> dict[str, Any]:
    return {"properties": {argument: schema}, "required": [argument]}


def test_restrictions_and_ceilings_are_told_by_advertised_name() -> None:
    restrict = {"query": on("database", const="WH")}
    offer = offered(restrict=restrict, limits={"tools": {"snowflake_list_objects": {"maxCalls": 3}}})

    assert offer.problem == ""
    assert offer.restrict == {"snowflake_query": restrict["query"]}
    assert offer.limits == {"snowflake_list_objects": resources.ToolLimits(max_calls=3)}
    assert offer.notes == ()


def test_what_a_restriction_leaves_open_is_noted() -> None:
    offer = offered(restrict={"query": {"properties": {"database": {"const": "WH"}}}})

    assert offer.problem == ""
    (note,) = offer.notes
    assert "spec.restrict.query: a call may leave out database" in note


def test_values_that_requests_use_beside_the_host_may_be_given() -> None:
    endpoint = {"account": "acme-eu1", "warehouse": "REPORTING_WH", "role": "ANALYST"}
    assert offered(endpoint=endpoint).problem == ""


PROBLEMS: list[tuple[str, dict[str, Any], str]] = [
    ("an unknown catalog", {"tools": {"catalog": "nonesuch"}}, "there is no catalog nonesuch"),
    ("an unknown tool", {"tools": {"include": ["quarry"]}}, "spec.tools.include: there is no tool quarry; there is"),
    ("another's tool", {"tools": {"exclude": ["drive_query"]}}, "spec.tools.exclude: there is no tool drive_query"),
    ("a restriction of no tool", {"restrict": {"quarry": on("x")}}, "spec.restrict.quarry: the binding offers no such"),
    (
        "a restriction of a tool that is left out",
        {"tools": {"exclude": ["query"]}, "restrict": {"query": on("database", const="W")}},
        "spec.restrict.query: the binding offers no such tool",
    ),
    (
        "one tool by two names",
        {"restrict": {"query": on("database", const="W"), "snowflake_query": on("database", const="V")}},
        "spec.restrict.snowflake_query: means the same tool as query",
    ),
    (
        "a misspelt argument",
        {"restrict": {"snowflake_query": on("databse", const="W")}},
        "spec.restrict.snowflake_query.properties.databse: there is no argument 'databse' here",
    ),
    (
        "an unknown keyword",
        {"restrict": {"query": {"properties": {"database": {"cosnt": "W"}}}}},
        "spec.restrict.query.properties.database.cosnt: 'cosnt' is not a keyword",
    ),
    ("ceilings of no tool", {"limits": {"tools": {"quarry": {"maxCalls": 1}}}}, "spec.limits.tools.quarry: the bind"),
    ("a host value that nobody uses", {"endpoint": {"acount": "acme"}}, "spec.endpoint.acount: the tools of snowflake"),
    ("the relay", {"credential": "Relay"}, "spec.credential: Relay is early access"),
    ("http without a host", {"tools": {"catalog": "http"}}, "spec.endpoint.host: name the provider's host"),
    (
        "http with another's host",
        {"tools": {"catalog": "http"}, "endpoint": {"host": "evil.example"}},
        "spec.endpoint.host: evil.example is not allowed; whoever runs the operator must list it in allowedHosts",
    ),
    (
        "http with a prefix that servers read differently",
        {
            "tools": {"catalog": "http", "http": {"readPrefixes": ["/v1/../x"]}},
            "endpoint": {"host": "mcp.example.com"},
        },
        "spec.tools.http.readPrefixes[0]: '/v1/../x': it holds . or ..",
    ),
]


@pytest.mark.parametrize(("what", "spec", "problem"), PROBLEMS, ids=[row[0] for row in PROBLEMS])
def test_what_is_wrong_names_its_field(what: str, spec: dict[str, Any], problem: str) -> None:
    offer = offered(**spec)
    assert problem in offer.problem
    assert not offer.tools


def test_the_relay_is_there_where_the_installation_has_it() -> None:
    assert offered(credential="Relay", relay=True).tools


CUSTOM = {
    "name": "whoami",
    "title": "Who am I",
    "description": "The current user and role.",
    "access": "Read",
    "inputSchema": {"type": "object", "additionalProperties": False, "properties": {}},
    "request": {"method": "GET", "path": "/api/v2/users/me"},
}


def test_a_tool_of_the_bindings_own_stands_beside_the_catalogs() -> None:
    offer = offered(tools={"custom": [CUSTOM]})

    assert offer.problem == ""
    assert {"snowflake_query", "snowflake_whoami"} <= offer.tools.keys()
    exchange = offer.tools["snowflake_whoami"].exchange
    assert exchange is not None
    assert exchange.endpoint == offer.tools["snowflake_query"].exchange.endpoint  # type: ignore[union-attr]
    alone = offered(tools={"custom": [CUSTOM], "include": ["snowflake_whoami"]})
    assert list(alone.tools) == ["snowflake_whoami"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "query"}, "spec.tools.custom[0].name: there is a tool 'query' already"),
        ({"request": {"method": "GET", "path": "/v1/{who}"}}, "spec.tools.custom[0].request.path: "),
        ({"request": {"method": "TRACE", "path": "/v1"}}, "spec.tools.custom[0].request.method: "),
        ({"endpoint": {"url": "https://evil.example"}}, "spec.tools.custom[0]"),
        (
            {"request": {"method": "GET", "path": "/v1", "headers": {"X-HTTP-Method-Override": "DELETE"}}},
            "spec.tools.custom[0].request.headers",
        ),
        ({"request": {"method": "GET", "path": "/v1", "headers": {"Authorization": "x"}}}, "spec.tools.custom[0]"),
    ],
)
def test_what_breaks_a_rule_of_catalogs_is_told_with_its_place(change: dict[str, Any], problem: str) -> None:
    assert offered(tools={"custom": [{**CUSTOM, **change}]}).problem.startswith(problem)


@pytest.mark.parametrize("address", [line for _, line in lines("urls.txt") if line])
def test_no_hostile_address_is_reached_by_a_tool_of_the_bindings_own(address: str) -> None:
    request = {"method": "GET", "path": address}
    assert "spec.tools.custom[0].request.path" in offered(tools={"custom": [{**CUSTOM, "request": request}]}).problem


def test_any_provider_can_be_called_at_the_host_that_the_installation_allows() -> None:
    spec = {"tools": {"catalog": "http", "http": {"readPrefixes": ["/v1/reports"]}}, "name": "crm"}
    offer = offered(**spec, endpoint={"host": "Api.Hosted.example"})

    assert offer.problem == ""
    assert offer.hosts == ("api.hosted.example",)
    (tool,) = offer.tools.values()
    assert list(offer.tools) == ["crm_request"]
    assert tool.exchange is not None
    assert tool.exchange.open is not None
    assert tool.exchange.open.read_prefixes == ("/v1/reports",)
    assert offered(tools={"catalog": "http"}, name="crm", endpoint={"host": "api.hosted.example"}).hashes() != (
        offer.hashes()
    )


def listed(*names: str, **more: Any) -> tuple[dict[str, Any], ...]:
    return tuple({"name": each, "inputSchema": {"type": "object"}, **more} for each in names)


def test_a_hosted_server_offers_what_is_pinned_in_the_binding() -> None:
    server = {"url": MCP, "tools": list(listed("search", "create")), "access": {"search": "Read"}}
    offer = offered(tools={"mcp": server})

    assert offer.problem == ""
    assert {name: str(tool.access) for name, tool in offer.tools.items()} == {
        "snowflake_search": "Read",
        "snowflake_create": "Write",
    }
    assert offer.hosts == ("mcp.example.com",)
    assert list(offered(tools={"mcp": server, "include": ["search"]}).tools) == ["snowflake_search"]


def test_a_hosted_server_offers_what_the_broker_has_read() -> None:
    spec: dict[str, Any] = {"tools": {"mcp": {"url": MCP, "discover": True}}}
    unknown, failed = offered(**spec), offered(**spec, listing=Listing(problem="HTTP 503"))
    known = offered(**spec, listing=Listing(listed("search")))
    again = offered(**spec, listing=Listing(listed("search"), "HTTP 503"))
    changed = offered(**spec, listing=Listing(listed("search", description="Other")))

    assert "spec.tools.mcp: its tools are not known: the broker has not read them yet" in unknown.problem
    assert "HTTP 503" in failed.problem
    # The broker must be told where it may read them.
    assert unknown.hosts == ("mcp.example.com",)
    assert list(known.tools) == ["snowflake_search"]
    assert known.hashes() == again.hashes()
    assert "HTTP 503" in again.notes[0]
    assert known.hashes() != changed.hashes()


def test_an_odd_tool_is_left_out_by_itself_and_told() -> None:
    odd = ({"name": "odd", "inputSchema": {"type": "string"}},)
    offer = offered(tools={"mcp": {"url": MCP, "tools": [*listed("search"), *odd]}})

    assert list(offer.tools) == ["snowflake_search"]
    assert 'spec.tools.mcp: the tool "odd" is left out' in offer.notes[0]


def test_more_tools_than_a_grant_can_hold_must_be_chosen_from() -> None:
    many = listed(*(f"t{number}" for number in range(65)))
    assert "64 are the most: choose with include" in offered(tools={"mcp": {"url": MCP, "tools": many}}).problem
    chosen = {"mcp": {"url": MCP, "tools": many}, "include": ["t1"]}
    assert list(offered(tools=chosen).tools) == ["snowflake_t1"]


def test_restrictions_travel_in_every_grant_so_all_of_them_have_a_size() -> None:
    takes = {"type": "object", "properties": {"database": {"type": "string"}}}
    tools = [{"name": f"t{number}", "inputSchema": takes} for number in range(5)]
    restrict = {f"t{number}": on("database", enum=["x" * 95] * 160) for number in range(5)}
    assert "spec.restrict: has " in offered(tools={"mcp": {"url": MCP, "tools": tools}}, restrict=restrict).problem
    del restrict["t4"]
    assert offered(tools={"mcp": {"url": MCP, "tools": tools}}, restrict=restrict).problem == ""


def test_nobodys_connection_discovers_nothing() -> None:
    offer = offered(connection={"fromSession": True}, tools={"mcp": {"url": MCP, "discover": True}})
    assert "spec.tools.mcp.discover: needs a connection of the binding's own" in offer.problem


@pytest.mark.parametrize("address", [line for _, line in lines("urls.txt") if line])
def test_no_hostile_address_is_a_hosted_server(address: str) -> None:
    offer = offered(tools={"mcp": {"url": address, "tools": list(listed("x"))}})
    assert offer.problem.startswith("spec.tools.mcp.url: ")
    assert offer.hosts == ()
