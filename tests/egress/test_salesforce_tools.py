"""Salesforce's tools against the sandbox."""

import msgspec
import pytest

from egress_support import World, data, granted, told
from pipes_api.reasons import Reason
from pipes_api.resources import Access

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_query_gives_records_without_noise(world: World) -> None:
    answer = data(await world.call("salesforce", "query", {"soql": "SELECT Id, Name FROM Account LIMIT 2"}))

    assert answer["totalSize"] == 2
    assert [set(row) for row in answer["rows"]] == [{"Id", "Name"}] * 2


async def test_pages_are_followed_by_their_locator(world: World) -> None:
    answer = data(await world.call("salesforce", "query", {"soql": "SELECT Id FROM Opportunity", "maxRows": 10_000}))
    calls = await world.sandbox.calls(service="salesforce")

    assert len(answer["rows"]) == answer["totalSize"]
    assert len({row["Id"] for row in answer["rows"]}) == len(answer["rows"])
    assert all(call["path"].startswith("/services/data/v66.0/query") for call in calls)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/services/data/v66.0/query/01g",
        "//evil.example/services/data/v66.0/query/01g",
        "https://acme.my.salesforce.com.evil.example/services/data/v66.0/query/01g",
        "http://acme.my.salesforce.com/services/data/v66.0/query/01g",
        "/services/data/v66.0/sobjects/User",
        "/services/data/v66.0/query/",
    ],
)
async def test_a_next_page_elsewhere_is_not_followed(world: World, url: str) -> None:
    page = {"totalSize": 2, "done": False, "nextRecordsUrl": url, "records": [{"Id": "1"}]}
    await world.sandbox.fault(match={"service": "salesforce"}, status=200, body=page)
    result = await world.call("salesforce", "query", {"soql": "SELECT Id FROM Account"})

    assert result.is_error
    assert "not its own" in told(result)
    assert len(await world.sandbox.calls(service="salesforce")) == 1


async def test_a_next_page_cannot_climb_out_of_its_place(world: World) -> None:
    page = {
        "totalSize": 2,
        "done": False,
        "nextRecordsUrl": "/services/data/v66.0/query/..%2F..%2Fsobjects",
        "records": [{"Id": "1"}],
    }
    await world.sandbox.fault(match={"service": "salesforce"}, status=200, body=page, times=1)
    await world.call("salesforce", "query", {"soql": "SELECT Id FROM Account"})

    last = (await world.sandbox.calls(service="salesforce"))[-1]
    assert last["path"] == "/services/data/v66.0/query/..%2F..%2Fsobjects"


async def test_a_query_that_leaves_traces_needs_write(world: World) -> None:
    world.policy.write = False
    result = await world.call("salesforce", "query", {"soql": "SELECT Id FROM Account LIMIT 1 FOR VIEW"})

    assert result.denial is not None
    assert result.denial.reason is Reason.WRITE_NOT_ALLOWED
    assert "FOR VIEW" in result.denial.message
    assert await world.sandbox.calls(service="salesforce") == []


async def test_records_are_created_changed_and_read_back(world: World) -> None:
    made = await world.call(
        "salesforce", "create", {"object": "Contact", "fields": {"LastName": "Zed", "Email": "z@acme.example"}}
    )
    record = {"object": "Contact", "id": data(made)["id"]}
    changed = await world.call("salesforce", "update", {**record, "fields": {"Email": None}})
    read = data(await world.call("salesforce", "get_record", {**record, "fields": ["LastName", "Email"]}))

    assert made.access is Access.WRITE
    assert "was updated" in told(changed)
    assert read["LastName"] == "Zed"
    assert read["Email"] is None


async def test_null_is_sent_and_absent_is_not(world: World) -> None:
    await world.call("salesforce", "update", {"object": "Contact", "id": "0" * 15, "fields": {"Email": None}})

    (call,) = await world.sandbox.calls(service="salesforce")
    assert msgspec.json.decode(call["body"]) == {"Email": None}


async def test_objects_and_fields_can_be_found(world: World) -> None:
    objects = data(await world.call("salesforce", "list_objects", {}))["rows"]
    fields = data(await world.call("salesforce", "describe_object", {"object": "Contact"}))

    assert "Account" in [each["name"] for each in objects]
    assert fields["name"] == "Contact"
    assert "LastName" in [each["name"] for each in fields["rows"]]


async def test_errors_are_salesforces_own_words(world: World) -> None:
    wrong = await world.call("salesforce", "query", {"soql": "SELECT Nope__c FROM Account"})
    missing = await world.call("salesforce", "create", {"object": "Contact", "fields": {"FirstName": "x"}})

    assert "INVALID_FIELD" in told(wrong)
    assert "describe_object" in told(wrong)
    assert "REQUIRED_FIELD_MISSING" in told(missing)


async def test_an_instance_that_is_not_salesforces_is_refused(world: World) -> None:
    binding = granted("salesforce", hosts=("*.example.com",))
    result = await world.call("salesforce", "list_objects", {}, granted=binding)

    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert "acme.my.salesforce.com" in result.denial.message
