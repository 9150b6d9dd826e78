"""Salesforce's tools against the sandbox."""

import msgspec
import pytest

from data_files import lines
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
    result = await world.call("salesforce", "query", {"soql": "SELECT Id FROM Account"})

    assert result.is_error
    assert "page.cursor must not hold . or .." in told(result)
    assert len(await world.sandbox.calls(service="salesforce")) == 1


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


ACCOUNT_FIELDS = {"name": "Account", "fields": ["Id", "Name"]}


async def test_records_are_found_by_words(world: World) -> None:
    wanted = {"words": "alice", "objects": [ACCOUNT_FIELDS, {"name": "User", "fields": ["Id", "Name"]}]}
    rows = data(await world.call("salesforce", "search", wanted))["rows"]
    few = await world.call("salesforce", "search", {"words": "custom*", "objects": [ACCOUNT_FIELDS], "maxRows": 3})

    assert [(each["attributes"], each["Name"]) for each in rows] == [({"type": "User"}, "Alice Archer")]
    assert len(data(few)["rows"]) == 3
    assert few.access is Access.READ


async def test_a_sosl_search_reads_unless_it_counts(world: World) -> None:
    search = "FIND {012 OR 013} IN NAME FIELDS RETURNING Account(Name ORDER BY Name)"
    world.policy.write = False
    read = await world.call("salesforce", "search_sosl", {"sosl": search})
    counting = await world.call("salesforce", "search_sosl", {"sosl": f"{search} UPDATE TRACKING"})

    assert [each["Name"] for each in data(read)["rows"]] == ["Customer 012 GmbH", "Customer 013 Ltd"]
    assert counting.denial is not None
    assert counting.denial.reason is Reason.WRITE_NOT_ALLOWED
    assert len(await world.sandbox.calls(service="salesforce")) == 1


async def test_what_belongs_to_a_record_is_found_by_its_relationship(world: World) -> None:
    relationships = data(await world.call("salesforce", "list_relationships", {"object": "Account"}))["rows"]
    query = "SELECT AccountId FROM Contact WHERE AccountId != null LIMIT 1"
    account = data(await world.call("salesforce", "query", {"soql": query}))["rows"][0]["AccountId"]
    where = {"object": "Account", "id": account, "relationship": "Contacts", "fields": ["Id", "LastName"]}
    related = data(await world.call("salesforce", "list_related", where))
    wrong = await world.call("salesforce", "list_related", {**where, "relationship": "Shops__r"})

    assert {"relationshipName": "Contacts", "childSObject": "Contact", "field": "AccountId"} in relationships
    assert related["totalSize"] == len(related["rows"]) > 0
    assert set(related["rows"][0]) == {"Id", "LastName"}
    assert "not visible to this connection" in told(wrong)


async def test_an_upsert_makes_one_and_then_changes_it(world: World) -> None:
    by_key = {"object": "Account", "keyField": "ExternalKey__c", "key": "ERP/7 001"}
    made = data(await world.call("salesforce", "upsert", {**by_key, "fields": {"Name": "Keyed"}}))
    again = data(await world.call("salesforce", "upsert", {**by_key, "fields": {"Name": "Renamed", "Phone": "1"}}))
    calls = await world.sandbox.calls(service="salesforce")

    assert made["created"] is True
    assert again == {"id": made["id"], "created": False}
    assert {call["path"].rpartition("/")[2] for call in calls} == {"ERP%2F7%20001"}


async def test_a_lost_answer_to_an_upsert_is_asked_for_again(world: World) -> None:
    await world.sandbox.fault(match={"service": "salesforce", "method": "PATCH"}, stage="after", times=1, status=503)
    by_key = {"object": "Account", "keyField": "ExternalKey__c", "key": "ERP-7002"}
    result = data(await world.call("salesforce", "upsert", {**by_key, "fields": {"Name": "Once"}}))

    assert result["created"] is False
    assert len(await world.sandbox.calls(service="salesforce", method="PATCH")) == 2


async def test_a_deleted_record_is_gone(world: World) -> None:
    fields = {"LastName": "Gone", "Company": "Gone", "Email": "gone@acme.example"}
    made = data(await world.call("salesforce", "create", {"object": "Lead", "fields": fields}))
    record = {"object": "Lead", "id": made["id"]}
    twice = await world.call("salesforce", "create", {"object": "Lead", "fields": fields})
    deleted = await world.call("salesforce", "delete", record)
    read = await world.call("salesforce", "get_record", record)

    assert "There is such a record already" in told(twice)
    assert f"The record {made['id']} of Lead is in the recycle bin." in told(deleted)
    assert "not visible to this connection" in told(read)


async def test_a_missing_scope_is_refused_before_it_is_sent(world: World) -> None:
    account = "data_installation_salesforce_alice"
    await world.sandbox.change_account(account, scopes=["refresh_token"])
    refused = await world.call("salesforce", "list_objects", {})
    await world.sandbox.change_account(account, scopes=["api", "refresh_token"])

    assert refused.denial is not None
    assert refused.denial.reason is Reason.SCOPE_MISSING
    assert "api" in refused.denial.message
    assert await world.sandbox.calls(service="salesforce") == []


@pytest.mark.parametrize("value", [line for _, line in lines("path_params.txt")])
async def test_names_ids_and_keys_stay_inside_their_segment(world: World, value: str) -> None:
    record = {"object": "Account", "id": "0015g00000AbCdE"}
    await world.call("salesforce", "describe_object", {"object": value})
    await world.call("salesforce", "get_record", {**record, "id": value})
    await world.call("salesforce", "list_related", {**record, "relationship": value, "fields": ["Id"]})
    await world.call(
        "salesforce",
        "upsert",
        {"object": "Account", "keyField": "ExternalKey__c", "key": value, "fields": {"Name": "x"}},
    )

    for call in await world.sandbox.calls(service="salesforce"):
        assert call["path"].startswith("/services/data/v66.0/sobjects/")
        assert call["path"].count("/") in (6, 7)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search", {"words": "a", "objects": [ACCOUNT_FIELDS]}),
        ("search", {"words": "a} RETURNING User(Id)", "objects": [ACCOUNT_FIELDS]}),
        ("search", {"words": "alice", "objects": [{**ACCOUNT_FIELDS, "where": "Name != null"}]}),
        ("search", {"words": "alice", "objects": []}),
        ("search_sosl", {"sosl": "FIND {a} RETURNING"}),
        ("upsert", {"object": "Account", "keyField": "a/b", "key": "1", "fields": {"Name": "x"}}),
        ("delete", {"object": "Account", "id": "short"}),
    ],
)
async def test_what_salesforce_would_refuse_is_not_sent(world: World, tool: str, arguments: dict[str, object]) -> None:
    world.policy.write = tool != "search_sosl"
    result = await world.call("salesforce", tool, arguments)

    assert result.is_error or result.denial is not None
    assert await world.sandbox.calls(service="salesforce") == []
