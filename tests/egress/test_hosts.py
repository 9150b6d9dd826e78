"""A credential is sent to the allow-listed host only."""

import pytest

from data_files import lines
from egress_support import definition
from pipes_catalog.exchange import Endpoint
from pipes_egress.mapping.hosts import HostRefused, host_of, matches, values_of
from pipes_egress.transport.addresses import AddressGuard, AddressRefused, GuardedResolver


def endpoint(provider: str) -> Endpoint:
    exchange = definition(provider, "query").exchange
    assert exchange is not None
    return exchange.endpoint


def snowflake(account: str, granted: tuple[str, ...] = ("*.snowflakecomputing.com",)) -> str:
    known = endpoint("snowflake").hosts
    return host_of(endpoint("snowflake"), {"config": {"account": account}}, granted=granted, known=known)


def salesforce(url: str) -> str:
    place = endpoint("salesforce")
    return host_of(place, {"metadata": {"instance_url": url}}, granted=place.hosts, known=place.hosts)


@pytest.mark.parametrize("value", [line for _, line in lines("host_values.txt") if line])
def test_a_host_value_that_is_no_label_is_refused(value: str) -> None:
    with pytest.raises(HostRefused):
        snowflake(value)


@pytest.mark.parametrize(
    ("account", "host"),
    [
        ("acme", "acme.snowflakecomputing.com"),
        ("acme-eu1", "acme-eu1.snowflakecomputing.com"),
        ("ORG-ACME", "org-acme.snowflakecomputing.com"),
        ("org-acme_eu_1", "org-acme-eu-1.snowflakecomputing.com"),
        ("xy12345.eu-central-1.aws", "xy12345.eu-central-1.aws.snowflakecomputing.com"),
    ],
)
def test_an_account_makes_its_host(account: str, host: str) -> None:
    assert snowflake(account) == host


@pytest.mark.parametrize("url", [line for _, line in lines("urls.txt") if line])
def test_a_url_that_is_not_the_providers_own_is_refused(url: str) -> None:
    with pytest.raises(HostRefused):
        salesforce(url)
    with pytest.raises(HostRefused):
        snowflake(url)


def test_a_host_that_a_tool_names_is_held_to_the_grant_as_well() -> None:
    place = Endpoint(hosts=("api.acme.example", "content.acme.example"), url="https://api.acme.example")

    own = "content.acme.example"
    assert host_of(place, {}, granted=place.hosts, known=place.hosts, own=own) == own
    with pytest.raises(HostRefused, match="not one that the session covers"):
        host_of(place, {}, granted=("api.acme.example",), known=place.hosts, own="content.acme.example")
    with pytest.raises(HostRefused, match="not among the catalog's"):
        host_of(place, {}, granted=("*.acme.example",), known=("api.acme.example",), own="content.acme.example")


def test_an_instance_url_makes_its_host() -> None:
    assert salesforce("https://acme.my.salesforce.com") == "acme.my.salesforce.com"
    assert salesforce("https://acme--dev.sandbox.my.salesforce.com/") == "acme--dev.sandbox.my.salesforce.com"


def test_a_binding_names_the_instance_by_its_host_alone() -> None:
    place = endpoint("salesforce")

    def of(value: str) -> str:
        return host_of(place, {"endpoint": {"instance_url": value}}, granted=place.hosts, known=place.hosts)

    assert of("acme.my.salesforce.com") == "acme.my.salesforce.com"
    for value in (
        "evil.example",
        "evil.example/.my.salesforce.com",
        "a@acme.my.salesforce.com",
        "acme.my.salesforce.com:22",
    ):
        with pytest.raises(HostRefused):
            of(value)


def test_a_value_that_is_missing_is_named() -> None:
    with pytest.raises(HostRefused, match=r"config\.account"):
        host_of(endpoint("snowflake"), {"config": {}}, granted=("*.snowflakecomputing.com",), known=())


def test_the_host_must_be_in_the_grant_and_known_here() -> None:
    values = {"config": {"account": "acme"}}
    place = endpoint("snowflake")
    with pytest.raises(HostRefused, match="session"):
        host_of(place, values, granted=("*.example.com",), known=place.hosts)
    with pytest.raises(HostRefused, match="configuration"):
        host_of(place, values, granted=place.hosts, known=())


def test_what_pipes_says_comes_before_what_the_binding_says() -> None:
    place = endpoint("snowflake")
    values = {"config": {"account": "pipes"}, "endpoint": {"account": "binding"}}
    assert host_of(place, values, granted=place.hosts, known=place.hosts) == "pipes.snowflakecomputing.com"
    values = {"config": {}, "endpoint": {"account": "binding"}}
    assert host_of(place, values, granted=place.hosts, known=place.hosts) == "binding.snowflakecomputing.com"


def test_what_names_a_tenant_in_requests_has_the_form_of_a_host_value() -> None:
    place = endpoint("snowflake")
    assert values_of(place, {"config": {"account": "acme_eu1"}}) == {"account": "acme-eu1"}
    with pytest.raises(HostRefused):
        values_of(place, {"config": {"account": "../admin"}})


@pytest.mark.parametrize(
    ("pattern", "host", "outcome"),
    [
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "badexample.com", False),
        ("*.example.com", ".example.com", False),
        ("*.example.com", "a.example.com.evil.example", False),
        ("www.example.com", "www.example.com", True),
        ("www.example.com", "a.www.example.com", False),
    ],
)
def test_patterns_match_whole_labels(pattern: str, host: str, outcome: bool) -> None:
    assert matches(pattern, host) is outcome


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00:ec2::254", "::ffff:127.0.0.1"),
        *("::ffff:10.0.0.1", "2002:7f00:1::", "ff02::1", "fe80::1%eth0", "192.0.2.1"),
        *("fec0::1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "::10.0.0.1"),
    ],
)
def test_addresses_that_are_not_of_the_internet_are_refused(address: str) -> None:
    assert not AddressGuard().permits(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_dialled(address: str) -> None:
    assert AddressGuard().permits(address)


def test_a_listed_network_is_dialled_and_no_more_than_that() -> None:
    guard = AddressGuard(["10.8.0.0/16"])

    assert guard.permits("10.8.1.1")
    assert not guard.permits("10.9.1.1")


async def test_a_name_that_resolves_to_loopback_is_not_dialled() -> None:
    with pytest.raises(AddressRefused):
        await GuardedResolver(AddressGuard()).resolve("localhost", 443)


async def test_the_judged_address_is_the_one_that_is_dialled() -> None:
    (found, *_) = await GuardedResolver(AddressGuard(["127.0.0.0/8", "::1/128"])).resolve("localhost", 443)

    assert found["host"] in ("127.0.0.1", "::1")
