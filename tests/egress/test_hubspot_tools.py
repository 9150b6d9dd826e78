"""HubSpot's tools against the sandbox."""

from typing import Any

import msgspec
import pytest

from data_files import lines
from egress_support import World, data, granted, told
from pipes_api.grant import GrantedBinding
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Connection
from pipes_egress.call import ToolResult

pytestmark = pytest.mark.asyncio(loop_scope="module")


def of_bob() -> GrantedBinding:
    """A connection that may only read contacts."""
    return granted("hubspot", connection=Connection(user_id="user_bob"), account="data_installation_hubspot_bob")


async def hubspot(world: World, tool: str, **arguments: Any) -> ToolResult:
    return await world.call("hubspot", tool, arguments)


async def rows(world: World, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(await hubspot(world, tool, **arguments))["rows"]
    return found


async def test_a_search_goes_by_words_filters_and_order(world: World) -> None:
    open_deals = [{"filters": [{"propertyName": "dealstage", "operator": "NOT_IN", "values": ["closedlost"]}]}]
    found = await rows(
        world,
        "search_records",
        objectType="deals",
        query="expansion",
        filterGroups=open_deals,
        properties=["dealname"],
    )
    by_amount = await rows(
        world,
        "search_records",
        objectType="deals",
        filterGroups=open_deals,
        sortBy="amount",
        direction="DESCENDING",
    )

    assert [each["properties"]["dealname"] for each in found] == ["Globex expansion"]
    assert "amount" not in found[0]["properties"]
    assert [each["id"] for each in by_amount] == ["9002", "9001"]


async def test_a_search_goes_on_over_pages(world: World) -> None:
    result = await hubspot(world, "search_records", objectType="contacts", query="customer", maxRows=250)

    assert data(result)["total"] == 330
    assert len({each["id"] for each in data(result)["rows"]}) == 250
    assert "Narrow the search" in told(result)
    bodies = [msgspec.json.decode(call["body"]) for call in await world.sandbox.calls(service="hubspot")]
    assert [each.get("after") for each in bodies] == [None, "100", "200"]
    assert "sorts" not in bodies[0]


@pytest.mark.parametrize(
    "a_filter",
    [
        {"propertyName": "amount", "operator": "EQ"},
        {"propertyName": "amount", "operator": "BETWEEN", "value": "1"},
        {"propertyName": "dealstage", "operator": "IN", "value": "closedwon"},
        {"propertyName": "amount", "operator": "LIKE", "value": "1"},
        {"propertyName": "amount", "operator": "EQ", "value": "1", "more": "x"},
        {"propertyName": "../owners", "operator": "EQ", "value": "1"},
    ],
)
async def test_a_filter_that_hubspot_would_refuse_is_not_sent(world: World, a_filter: dict[str, str]) -> None:
    result = await hubspot(world, "search_records", objectType="deals", filterGroups=[{"filters": [a_filter]}])

    assert result.is_error
    assert await world.sandbox.calls(service="hubspot") == []


async def test_a_record_comes_with_the_ids_of_its_company(world: World) -> None:
    deal = data(
        await hubspot(
            world,
            "get_record",
            objectType="deals",
            id="9001",
            properties=["dealname", "amount"],
            associations=["companies", "contacts"],
        )
    )
    (contact,) = await rows(world, "list_associations", objectType="deals", id="9001", toObjectType="contacts")

    assert deal["properties"]["amount"] == "12000"
    assert deal["associations"]["companies"]["results"][0]["id"] == "5201"
    assert contact["toObjectId"] == "101"


async def test_many_associations_come_over_pages(world: World) -> None:
    found = await rows(
        world, "list_associations", objectType="companies", id="5202", toObjectType="contacts", maxRows=1000
    )
    assert len({each["toObjectId"] for each in found}) == 166


async def test_properties_and_owners_tell_what_values_there_are(world: World) -> None:
    properties = {each["name"]: each for each in await rows(world, "list_properties", objectType="deals")}
    owners = await rows(world, "list_owners", email="bob@acme.example")

    assert {"value": "closedwon", "label": "closedwon"} in properties["dealstage"]["options"]
    assert properties["hs_object_id"]["modificationMetadata"]["readOnlyValue"] is True
    assert [each["id"] for each in owners] == ["81002"]


async def test_a_record_is_made_changed_associated_and_found(world: World) -> None:
    made = await hubspot(
        world, "create_record", objectType="contacts", properties={"email": "zed@acme.example", "lastname": "Zed"}
    )
    key = data(made)["id"]
    contact = {"objectType": "contacts", "id": key}
    changed = data(await hubspot(world, "update_record", **contact, properties={"phone": "+49 30", "lastname": ""}))
    joined = await hubspot(world, "associate", **contact, toObjectType="companies", toId="5203")
    read = data(
        await hubspot(world, "get_record", **contact, properties=["phone", "lastname"], associations=["companies"])
    )

    assert made.access is Access.WRITE
    assert changed["properties"]["phone"] == "+49 30"
    assert "is associated with 5203" in told(joined)
    assert (read["properties"]["phone"], read["properties"]["lastname"]) == ("+49 30", None)
    assert read["associations"]["companies"]["results"][0]["id"] == "5203"


@pytest.mark.parametrize(
    ("kind", "key"), [("contacts", "101"), ("companies", "5201"), ("deals", "9001"), ("tickets", "7001")]
)
async def test_notes_and_tasks_are_put_on_every_kind_of_record(world: World, kind: str, key: str) -> None:
    on = {"objectType": kind, "id": key}
    note = data(
        await hubspot(world, "add_note", **on, text="Called {name}.", at="2026-11-25T10:00:00Z", ownerId="81001")
    )
    task = data(await hubspot(world, "create_task", **on, subject="Call again", dueAt="2026-12-01T09:00:00Z"))
    notes = await rows(world, "list_associations", **on, toObjectType="notes")
    tasks = await rows(world, "list_associations", **on, toObjectType="tasks")
    read = data(await hubspot(world, "get_record", objectType="notes", id=note["id"], properties=["hs_note_body"]))

    assert note["id"] in [each["toObjectId"] for each in notes]
    assert task["id"] in [each["toObjectId"] for each in tasks]
    assert read["properties"]["hs_note_body"] == "Called {name}."


async def test_a_missing_scope_is_refused_before_the_call(world: World) -> None:
    result = await world.call(
        "hubspot", "create_record", {"objectType": "contacts", "properties": {"lastname": "x"}}, granted=of_bob()
    )

    assert result.denial is not None
    assert result.denial.reason is Reason.SCOPE_MISSING
    assert "crm.objects.contacts.write" in result.denial.message
    assert await world.sandbox.calls(service="hubspot") == []


async def test_a_scope_that_only_hubspot_misses_is_named(world: World) -> None:
    result = await world.call("hubspot", "search_records", {"objectType": "deals"}, granted=of_bob())

    assert result.is_error
    assert "crm.objects.deals.read" in told(result)
    assert "crm.objects.companies.read" not in told(result)


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("get_record", {"objectType": "deals", "id": "404"}, "not found in HubSpot, or not visible"),
        (
            "create_record",
            {"objectType": "deals", "properties": {"dealname": "x", "nope": "y"}},
            "PROPERTY_DOESNT_EXIST",
        ),
        (
            "create_record",
            {"objectType": "contacts", "properties": {"email": "mary@obrien.example"}},
            "Existing ID: 101",
        ),
        ("update_record", {"objectType": "deals", "id": "9001", "properties": {"amount": "much"}}, "valid number"),
    ],
)
async def test_errors_are_hubspots_own_words(world: World, tool: str, arguments: dict[str, Any], sentence: str) -> None:
    result = await hubspot(world, tool, **arguments)

    assert result.is_error
    assert sentence in told(result)


async def test_what_is_there_already_is_told_with_what_to_do(world: World) -> None:
    result = await hubspot(world, "create_record", objectType="contacts", properties={"email": "hank@globex.example"})
    assert "update_record" in told(result)


async def test_a_search_is_repeated_and_a_creation_is_not(world: World) -> None:
    await world.sandbox.fault(match={"path": "/crm/v3/objects/*/search"}, times=1, status=502)
    assert await rows(world, "search_records", objectType="tickets")

    await world.sandbox.fault(
        match={"method": "POST", "path": "/crm/v3/objects/companies"}, stage="after", effect="reset"
    )
    result = await hubspot(world, "create_record", objectType="companies", properties={"name": "Once Only"})
    await world.sandbox.clear()
    assert "not known" in told(result)
    assert len(await rows(world, "search_records", objectType="companies", query="once only")) == 1


@pytest.mark.parametrize("value", [line for _, line in lines("path_params.txt")])
async def test_no_id_and_no_kind_reaches_another_endpoint(world: World, value: str) -> None:
    assert (await hubspot(world, "get_record", objectType="contacts", id=value)).is_error
    assert (await hubspot(world, "get_record", objectType=value, id="101")).is_error
    assert (
        await hubspot(world, "associate", objectType="contacts", id="101", toObjectType="deals", toId=value)
    ).is_error
    assert await world.sandbox.calls(service="hubspot") == []
