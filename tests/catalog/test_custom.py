"""A binding's own tools: the catalog's schema and rules, its provider, and messages that name the place."""

from typing import Any

import msgspec
import pytest

import pipes_catalog
from pipes_catalog import CatalogError, ToolAccess, custom, from_wire, to_wire
from pipes_catalog.http import with_prefixes

CATALOGS = pipes_catalog.load()
BASE = CATALOGS.by_provider["salesforce"]


def item(**changes: Any) -> dict[str, Any]:
    tool: dict[str, Any] = {
        "name": "get_quote",
        "title": "Get a quote",
        "description": "One quote of this org, by its id.",
        "access": "Read",
        "inputSchema": {
            "type": "object",
            "additionalProperties": False,
            "required": ["id"],
            "properties": {"id": {"type": "string", "pattern": "^[A-Za-z0-9]{15,18}$", "description": "Its id."}},
        },
        "request": {"method": "GET", "path": "/services/apexrest/quotes/{id}"},
    }
    return {name: value for name, value in {**tool, **changes}.items() if value is not None}


def test_a_custom_tool_is_one_more_of_the_catalogs() -> None:
    (tool,) = custom.read([item()], BASE)

    assert tool.name == "get_quote"
    assert tool.access is ToolAccess.READ
    assert tool.exchange is not None
    assert tool.exchange.endpoint == BASE.common.endpoint
    assert tool.exchange.errors == BASE.common.errors
    assert from_wire(tool.hash, msgspec.json.decode(msgspec.json.encode(to_wire(tool)))) == tool
    assert custom.read([], None) == ()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"request": {"method": "GET", "path": "quotes/{id}"}}, "[1].request.path: must be an absolute path"),
        ({"request": {"method": "get", "path": "/x"}}, '[1].request.method: "get" is not one of'),
        ({"request": {"method": "TRACE", "path": "/x"}}, "[1].request.method"),
        ({"request": {"method": "DELETE", "path": "/x"}}, "[1].request.method: a tool that reads cannot send DELETE"),
        (
            {"request": {"method": "GET", "path": "/x", "headers": {"X-HTTP-Method-Override": "DELETE"}}},
            "[1].request.headers.X-HTTP-Method-Override",
        ),
        ({"request": {"method": "GET", "path": "/x", "query": {"_method": "DELETE"}}}, "[1].request.query"),
        ({"request": {"method": "GET", "path": "/x", "headers": {"Authorization": "x"}}}, "headers.Authorization"),
        ({"request": {"method": "GET", "path": "/x", "headers": {"Host": "evil.example"}}}, "headers.Host"),
        ({"request": {"method": "GET", "path": "/x", "headers": {"x-relay-user": "{id}"}}}, "headers.x-relay-user"),
        ({"request": {"method": "GET", "path": "/x", "headers": {"X-Forwarded-Host": "x"}}}, "X-Forwarded-Host"),
        ({"request": {"method": "GET", "path": "/x", "query": {" _method": "DELETE"}}}, "[1].request.query"),
        ({"request": {"method": "GET", "path": "//evil.example/x"}}, "[1].request.path"),
        ({"endpoint": {"hosts": ["evil.example"]}}, "[1]: "),
        ({"name": "query"}, "[1].name: there is a tool 'query' already"),
        ({"name": "Get"}, "[1].name: "),
        ({"access": "Judged"}, "[1].access: a tool is Judged exactly when"),
        ({"inputSchema": {"type": "object"}}, "[1].inputSchema.properties: must be there"),
        ({"title": 5}, "[1].title: 5 is not of type"),
        ({"result": {"maxRows": 10**9}}, "[1].result.maxRows"),
        ({"request": None, "access": "Judged", "open": {}}, "[1].open: is for the catalog http only"),
        ({"inputSchema": {"type": "object", "x": [[[[[]]]]] * 3}}, "[1].inputSchema"),
    ],
)
def test_a_broken_rule_is_named_with_its_place(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(CatalogError) as refusal:
        custom.read([item(), item(name="other") | changes], BASE)
    message = str(refusal.value)
    assert message.startswith("spec.tools.custom")
    assert line in message, message
    assert "\n" not in message


def test_two_of_one_name_no_catalog_too_many_and_too_deep_are_refused() -> None:
    with pytest.raises(CatalogError, match=r"custom\[1\]\.name"):
        custom.read([item(), item()], BASE)
    with pytest.raises(CatalogError, match="needs a catalog"):
        custom.read([item()], None)
    with pytest.raises(CatalogError, match="at most"):
        custom.read([item(name=f"t{n}") for n in range(65)], BASE)
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    with pytest.raises(CatalogError, match="levels deep"):
        custom.read([item(request={"method": "POST", "path": "/x", "body": {"json": deep}})], BASE)


def test_a_custom_tool_of_the_catalog_http_has_the_bindings_host() -> None:
    (tool,) = custom.read([item()], CATALOGS.by_provider["http"])
    assert tool.exchange is not None
    assert tool.exchange.endpoint.url == "https://{host}"
    assert tool.exchange.endpoint.hosts == ()


def test_prefixes_are_part_of_what_is_approved() -> None:
    plain = CATALOGS.by_provider["http"].tools["request"]
    reads = with_prefixes(plain, ["/v1/items", "/v1/items", "/v2"])

    assert reads.exchange is not None
    assert reads.exchange.open is not None
    assert reads.exchange.open.read_prefixes == ("/v1/items", "/v2")
    assert reads.hash != plain.hash
    other = BASE.tools["query"]
    assert with_prefixes(other, ["/x"]) is other


@pytest.mark.parametrize("prefix", ["v1", "//x", "/a/../b", "/a?b", "/a/%2e%2e"])
def test_a_prefix_is_a_plain_path(prefix: str) -> None:
    with pytest.raises(CatalogError, match=r"spec\.tools\.http\.readPrefixes\[1\]"):
        with_prefixes(CATALOGS.by_provider["http"].tools["request"], ["/v1", prefix])
