"""simple-salesforce, over https as it insists, queries and changes records in the sandbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

VERSION = "/services/data/v59.0"


def client(sandbox: Any, token: str) -> Salesforce:
    session = requests.Session()
    session.verify = str(sandbox.ca_file)
    session.trust_env = False
    return Salesforce(instance=sandbox.tls_url.removeprefix("https://"), session_id=token, session=session)


@pytest.fixture
def salesforce(sandbox: Any) -> Iterator[Salesforce]:
    service = client(sandbox, sandbox.token("salesforce"))
    yield service
    service.session.close()


@pytest.fixture
def reading(unchanged: Any) -> Iterator[Salesforce]:
    service = client(unchanged, unchanged.token("salesforce"))
    yield service
    service.session.close()


def values(service: Salesforce, soql: str, field: str = "Name") -> list[Any]:
    return [record[field] for record in service.query(soql)["records"]]


def error_of(answer: Any) -> tuple[int, str]:
    (error,) = answer.json()
    return answer.status, error["errorCode"]


def test_rows_carry_their_attributes_and_related_records(reading: Salesforce) -> None:
    answer = reading.query("SELECT Name, Account.Name, Account.Owner.Email FROM Contact WHERE Email LIKE 'contact12@%'")
    assert (answer["totalSize"], answer["done"]) == (1, True)
    (row,) = answer["records"]
    assert row["attributes"]["type"] == "Contact"
    assert row["attributes"]["url"].startswith(f"{VERSION}/sobjects/Contact/003")
    assert row["Account"]["attributes"]["type"] == "Account"
    assert row["Account"]["Name"].startswith("Customer 013")
    assert row["Account"]["Owner"]["Email"].endswith("@acme.example")
    orphan = reading.query("SELECT Account.Name FROM Contact WHERE AccountId = null LIMIT 1")["records"][0]
    assert orphan["Account"] is None


def test_a_long_answer_comes_in_pages(reading: Salesforce) -> None:
    first = reading.query("SELECT Id FROM Contact")
    assert (first["totalSize"], len(first["records"]), first["done"]) == (2400, 2000, False)
    assert first["nextRecordsUrl"].startswith(f"{VERSION}/query/01g")
    rest = reading.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert (len(rest["records"]), rest["done"]) == (400, True)
    assert len({row["Id"] for row in first["records"] + rest["records"]}) == 2400
    small = list(reading.query_all_iter("SELECT Id FROM Lead"))
    assert len(small) == 120


def test_the_batch_size_is_the_callers_within_limits(unchanged: Any) -> None:
    path = f"{VERSION}/query?q=" + quote("SELECT Id FROM Contact")
    answer = unchanged.provider("salesforce", "GET", path, Sforce_Query_Options="batchSize=250")
    assert len(answer.json()["records"]) == 250
    answer = unchanged.provider("salesforce", "GET", path, Sforce_Query_Options="batchSize=10")
    assert len(answer.json()["records"]) == 200
    assert answer.headers["Sforce-Limit-Info"].startswith("api-usage=")


def test_a_locator_is_for_the_connection_that_made_it(sandbox: Any) -> None:
    sandbox.admin("PATCH", "/accounts/data_installation_salesforce_bob", {"state": "connected"})
    path = f"{VERSION}/query?q=" + quote("SELECT Id FROM Contact")
    following = sandbox.provider("salesforce", "GET", path).json()["nextRecordsUrl"]
    bob = sandbox.token("salesforce", "user_bob")
    answer = sandbox.provider("salesforce", "GET", following, token=bob)
    assert error_of(answer) == (400, "INVALID_QUERY_LOCATOR")


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("Industry = 'Energy'", 9),
        ("Industry = 'energy'", 9),
        ("Industry != 'Energy'", 51),
        ("AnnualRevenue = null", 8),
        ("AnnualRevenue > 7000000", 4),
        ("AnnualRevenue >= 7125000 AND BillingCity IN ('Berlin', 'Austin')", 2),
        ("NOT (Type = 'Partner' OR Type = 'Prospect')", 20),
        ("Name LIKE 'Customer 01_ %'", 10),
        ("Name LIKE '%GmbH' AND (BillingCountry = 'Peru' OR BillingCountry = 'Japan')", 12),
        ("Name NOT IN ('Customer 001 Ltd')", 59),
        ("CreatedDate < 2025-01-07T00:00:00Z", 2),
        ("CreatedDate = TODAY", 0),
        ("CreatedDate < LAST_N_DAYS:7", 60),
        ("Id IN (SELECT AccountId FROM Opportunity WHERE Amount > 240000)", 7),
        ("Owner.Name = 'Alice Archer'", 30),
    ],
)
def test_conditions_are_evaluated(reading: Salesforce, where: str, count: int) -> None:
    assert reading.query(f"SELECT COUNT() FROM Account WHERE {where}")["totalSize"] == count


def test_order_limit_and_offset(reading: Salesforce) -> None:
    newest = values(reading, "SELECT Name FROM Account ORDER BY CreatedDate DESC LIMIT 2 OFFSET 1")
    assert newest == ["Customer 059 Ltd", "Customer 058 GmbH"]
    nulls = values(reading, "SELECT AnnualRevenue FROM Account ORDER BY AnnualRevenue LIMIT 9", "AnnualRevenue")
    assert nulls == [None] * 8 + [125000.0]
    last = values(
        reading, "SELECT AnnualRevenue FROM Account ORDER BY AnnualRevenue DESC NULLS LAST LIMIT 1", "AnnualRevenue"
    )
    assert last == [7_500_000.0]


def test_aggregates_and_children(reading: Salesforce) -> None:
    rows = reading.query("SELECT StageName, COUNT(Id) n, SUM(Amount) FROM Opportunity GROUP BY StageName")["records"]
    assert len(rows) == 6
    assert sum(row["n"] for row in rows) == 300
    assert rows[0]["attributes"] == {"type": "AggregateResult"}
    (row,) = reading.query(
        "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName LIMIT 2) FROM Account LIMIT 1"
    )["records"]
    assert (row["Contacts"]["totalSize"], row["Contacts"]["records"][0]["attributes"]["type"]) == (2, "Contact")


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELEC Id FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account; DELETE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account FOR UPDATE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account UPDATE VIEWSTAT", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"),
        ("SELECT Colour FROM Account", "INVALID_FIELD"),
        ("SELECT Shop.Name FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate = '2025-01-01'", "INVALID_FIELD"),
        ("SELECT Id FROM Shop", "INVALID_TYPE"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ],
)
def test_a_wrong_query_is_refused_in_salesforces_words(unchanged: Any, soql: str, code: str) -> None:
    assert error_of(unchanged.provider("salesforce", "GET", f"{VERSION}/query?q={quote(soql)}")) == (400, code)


def test_text_with_quotes_is_escaped(reading: Salesforce) -> None:
    assert len(values(reading, "SELECT Name FROM Contact WHERE LastName = 'O\\'Brien' LIMIT 5")) == 5


@pytest.mark.parametrize(("purpose", "viewed"), [("", False), (" FOR REFERENCE", False), (" FOR VIEW", True)])
def test_for_view_leaves_its_mark(salesforce: Salesforce, sandbox: Any, purpose: str, viewed: bool) -> None:
    (row,) = salesforce.query(f"SELECT Id FROM Account LIMIT 1{purpose}")["records"]
    account = salesforce.Account.get(row["Id"])
    assert (account["LastViewedDate"] is not None) == viewed
    marked = sandbox.admin("GET", "/state")["salesforce"]["acme.my.salesforce.com"]["viewed"]
    assert marked == ([row["Id"]] if purpose else [])


def test_objects_describe_themselves(reading: Salesforce) -> None:
    everything = reading.describe()
    assert everything is not None
    assert {each["name"] for each in everything["sobjects"]} == {"Account", "Contact", "Opportunity", "Lead", "User"}
    fields = {field["name"]: field for field in reading.Opportunity.describe()["fields"]}
    assert fields["StageName"]["picklistValues"][4]["value"] == "Closed Won"
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    assert (fields["IsWon"]["updateable"], fields["CloseDate"]["nillable"]) == (False, False)
    with pytest.raises(SalesforceResourceNotFound):
        reading.Shop.describe()


def test_a_record_is_made_changed_and_deleted(salesforce: Salesforce) -> None:
    account = values(salesforce, "SELECT Id FROM Account LIMIT 1", "Id")[0]
    made = salesforce.Contact.create({"FirstName": "New", "LastName": "Person", "AccountId": account[:15]})
    assert made["success"] is True
    contact = salesforce.Contact.get(made["id"])
    assert (contact["Name"], contact["AccountId"], contact["Email"]) == ("New Person", account, None)
    assert contact["CreatedDate"].startswith(dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT"))
    assert salesforce.Contact.update(made["id"], {"FirstName": None, "Email": "n@p.example"}) == 204
    assert salesforce.Contact.get(made["id"][:15])["Name"] == "Person"
    assert salesforce.Contact.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        salesforce.Contact.get(made["id"])
    find = f"SELECT IsDeleted FROM Contact WHERE Id = '{made['id']}'"
    assert salesforce.query(find)["totalSize"] == 0
    assert salesforce.query(find, include_deleted=True)["records"][0]["IsDeleted"] is True


def test_an_upsert_makes_one_and_then_changes_it(salesforce: Salesforce) -> None:
    assert salesforce.Account.upsert("ExternalKey__c/ERP-9001", {"Name": "Brand new"}) == 201
    assert salesforce.Account.upsert("ExternalKey__c/ERP-9001", {"Phone": "1"}) == 200
    found = salesforce.Account.get_by_custom_id("ExternalKey__c", "ERP-9001")
    assert (found["Name"], found["Phone"]) == ("Brand new", "1")
    assert salesforce.query("SELECT COUNT() FROM Account WHERE ExternalKey__c = 'ERP-9001'")["totalSize"] == 1


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("Contact", {"FirstName": "x"}, "REQUIRED_FIELD_MISSING"),
        ("Contact", {"LastName": "x", "Colour": "red"}, "INVALID_FIELD"),
        ("Contact", {"LastName": "x" * 81}, "STRING_TOO_LONG"),
        ("Contact", {"LastName": "x", "Email": "nobody"}, "INVALID_EMAIL_ADDRESS"),
        ("Contact", {"LastName": "x", "AccountId": "nonsense"}, "MALFORMED_ID"),
        ("Contact", {"LastName": "x", "AccountId": "0015g00000zzzzz"}, "INVALID_CROSS_REFERENCE_KEY"),
        ("Contact", {"LastName": 5}, "JSON_PARSER_ERROR"),
        ("Contact", b"{", "JSON_PARSER_ERROR"),
        ("Opportunity", {"Name": "x", "StageName": "y", "CloseDate": "soon"}, "JSON_PARSER_ERROR"),
        ("Opportunity", {"IsWon": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Account", {"Name": "x", "ExternalKey__c": "ERP-0001"}, "DUPLICATE_VALUE"),
        ("Lead", {"LastName": "x", "Company": "y", "Email": "lead1@prospect.example"}, "DUPLICATES_DETECTED"),
        ("User", {"Username": "x", "Email": "x@y"}, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
    ],
)
def test_a_wrong_record_is_refused_in_salesforces_words(unchanged: Any, kind: str, body: Any, code: str) -> None:
    answer = unchanged.provider("salesforce", "POST", f"{VERSION}/sobjects/{kind}", body)
    assert error_of(answer) == (400, code)


def test_a_duplicate_is_taken_on_the_callers_word(sandbox: Any) -> None:
    body = {"LastName": "x", "Company": "y", "Email": "lead1@prospect.example"}
    path = f"{VERSION}/sobjects/Lead"
    answer = sandbox.provider("salesforce", "POST", path, body, Sforce_Duplicate_Rule_Header="allowSave=true")
    assert answer.status == 201


def test_fields_of_a_record_are_chosen(unchanged: Any, reading: Salesforce) -> None:
    record = values(reading, "SELECT Id FROM Account LIMIT 1", "Id")[0]
    path = f"{VERSION}/sobjects/Account/{record}"
    chosen = unchanged.provider("salesforce", "GET", f"{path}?fields=Name,Industry").json()
    assert set(chosen) == {"attributes", "Id", "Name", "Industry"}
    assert error_of(unchanged.provider("salesforce", "GET", f"{path}?fields=Colour")) == (400, "INVALID_FIELD")
    assert error_of(unchanged.provider("salesforce", "GET", f"{path[:-3]}zzz")) == (404, "NOT_FOUND")


def test_limits_versions_and_user(unchanged: Any) -> None:
    versions = unchanged.provider("salesforce", "GET", "/services/data/").json()
    assert versions[-1]["version"] == "68.0"
    assert error_of(unchanged.provider("salesforce", "GET", "/services/data/v99.0/limits")) == (404, "NOT_FOUND")
    limits = unchanged.provider("salesforce", "GET", f"{VERSION}/limits").json()
    assert limits["DailyApiRequests"]["Max"] == 100_000
    user = unchanged.provider("salesforce", "GET", "/services/oauth2/userinfo").json()
    assert (user["email"], user["organization_id"]) == ("alice@acme.example", "00D5g000000SandBEA0")


def test_a_dead_or_foreign_session_is_refused(sandbox: Any, salesforce: Salesforce) -> None:
    token = sandbox.token("salesforce")
    path = f"{VERSION}/limits"
    elsewhere = sandbox.provider("salesforce", "GET", path, token=token, Pipes_Sandbox_Host="other.my.salesforce.com")
    assert error_of(elsewhere) == (401, "INVALID_SESSION_ID")
    sandbox.admin("POST", "/tokens/end", {"connected_account_id": "data_installation_salesforce_alice"})
    with pytest.raises(SalesforceExpiredSession):
        salesforce.query("SELECT Id FROM Account LIMIT 1")
    assert error_of(sandbox.provider("salesforce", "GET", path, token=token)) == (401, "INVALID_SESSION_ID")


def test_a_session_without_the_api_scope_is_refused(sandbox: Any) -> None:
    sandbox.admin("PATCH", "/accounts/data_installation_salesforce_alice", {"scopes": ["refresh_token"]})
    answer = sandbox.provider("salesforce", "GET", f"{VERSION}/limits")
    assert answer.status == 403


def test_the_client_reports_malformed_requests(reading: Salesforce) -> None:
    with pytest.raises(SalesforceMalformedRequest):
        reading.query("SELECT Colour FROM Account")


def names(answer: Any) -> list[str]:
    return sorted(record["Name"] for record in answer["searchRecords"])


def test_words_are_searched_in_several_objects(reading: Salesforce) -> None:
    found = reading.search("FIND {alice} IN ALL FIELDS RETURNING User(Id, Name), Account(Name)")["searchRecords"]
    assert [(each["attributes"]["type"], each["Name"]) for each in found] == [("User", "Alice Archer")]
    assert reading.quick_search("Archer")["searchRecords"][0]["attributes"]["type"] == "User"


@pytest.mark.parametrize(
    ("sosl", "found"),
    [
        ("FIND {custom* 012} IN NAME FIELDS RETURNING Account(Name)", ["Customer 012 GmbH"]),
        ('FIND {"customer 012"} RETURNING Account(Name)', ["Customer 012 GmbH"]),
        ("FIND {012 OR 013} IN NAME FIELDS RETURNING Account(Name)", ["Customer 012 GmbH", "Customer 013 Ltd"]),
        ("FIND {012 AND NOT gmbh} IN NAME FIELDS RETURNING Account(Name)", []),
        (
            "FIND {customer} RETURNING Account(Name WHERE Name LIKE '%012%' ORDER BY Name LIMIT 5)",
            ["Customer 012 GmbH"],
        ),
        ("FIND {contact12\\@*} IN EMAIL FIELDS RETURNING Contact(Name) LIMIT 1", None),
        ("FIND {nobody} RETURNING Account(Name), Contact(Name), Lead(Name)", []),
    ],
)
def test_searches_find_what_salesforce_would(reading: Salesforce, sosl: str, found: list[str] | None) -> None:
    answer = reading.search(sosl)
    assert names(answer) == found if found is not None else len(answer["searchRecords"]) == 1


@pytest.mark.parametrize(
    ("sosl", "code"),
    [
        ("FIND {a}", "MALFORMED_SEARCH"),
        ("FIND alice", "MALFORMED_SEARCH"),
        ("FIND {alice} IN NO FIELDS", "MALFORMED_SEARCH"),
        ("FIND {alice} RETURNING User(Id", "MALFORMED_SEARCH"),
        ("FIND {alice} UPDATE TRACKING", "MALFORMED_SEARCH"),
        ("FIND {alice} RETURNING User(Colour)", "INVALID_FIELD"),
        ("FIND {alice} RETURNING Shop(Id)", "INVALID_TYPE"),
    ],
)
def test_a_wrong_search_is_refused_in_salesforces_words(unchanged: Any, sosl: str, code: str) -> None:
    assert error_of(unchanged.provider("salesforce", "GET", f"{VERSION}/search?q={quote(sosl)}")) == (400, code)


def test_the_same_search_can_be_told_in_json(reading: Salesforce) -> None:
    body = {"q": "custom* gmbh", "sobjects": [{"name": "Account", "fields": ["Id", "Name"], "limit": 3}], "in": "NAME"}
    answer = reading.restful("parameterizedSearch", method="POST", json=body)
    assert len(names(answer)) == 3
    assert all(each.endswith("GmbH") for each in names(answer))


def test_what_belongs_to_a_record_is_listed(reading: Salesforce) -> None:
    find = "SELECT AccountId FROM Contact WHERE AccountId != null LIMIT 1"
    account = reading.query(find)["records"][0]["AccountId"]
    related = reading.restful(f"sobjects/Account/{account}/Contacts", params={"fields": "Id,Name"})
    counted = reading.query(f"SELECT COUNT() FROM Contact WHERE AccountId = '{account}'")["totalSize"]
    assert related["totalSize"] == len(related["records"]) == counted > 0
    assert set(related["records"][0]) == {"attributes", "Id", "Name"}
    with pytest.raises(SalesforceResourceNotFound):
        reading.restful(f"sobjects/Account/{account}/Shops")
