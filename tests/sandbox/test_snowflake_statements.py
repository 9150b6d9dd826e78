"""The SQL API: states, partitions, cells, errors, and SQL that is really executed."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gzip
import json
import time
import urllib.request
from typing import Any

import aiohttp
import pytest

from pipes_sandbox.server import running
from pipes_sandbox.settings import Settings


def rows(answer: Any) -> list[list[str | None]]:
    assert answer.status == 200, answer.body
    data: list[list[str | None]] = answer.json()["data"]
    return data


def columns(answer: Any) -> list[tuple[str, str]]:
    return [(each["name"], each["type"]) for each in answer.json()["resultSetMetaData"]["rowType"]]


def finish(sandbox: Any, handle: str, token: str | None = None) -> Any:
    """Polls as a client does."""
    for _ in range(400):
        answer = sandbox.provider("snowflake", "GET", f"/api/v2/statements/{handle}", token=token)
        if answer.status != 202:
            return answer
        time.sleep(0.02)
    raise AssertionError("still running")


def test_every_type_is_written_as_the_api_writes_it(unchanged: Any) -> None:
    answer = unchanged.sql(
        "SELECT 42 AS i, 1.50::NUMBER(5,2) AS d, 0.1::FLOAT AS f, 'text' AS t, TRUE AS b, DATE '1970-01-03' AS day,"
        " '2024-02-03 04:05:06.123456'::TIMESTAMP_NTZ AS ntz, '1969-12-31 23:59:59.5'::TIMESTAMP_NTZ AS early,"
        " '2024-02-03 04:05:06 +02:00'::TIMESTAMP_TZ AS tz, TIME '01:02:03.5' AS tm, PARSE_JSON('{\"a\":1}') AS v,"
        " NULL AS n",
        parameters={"timezone": "America/New_York"},
    )
    assert columns(answer) == [
        ("I", "fixed"),
        ("D", "fixed"),
        ("F", "real"),
        ("T", "text"),
        ("B", "boolean"),
        ("DAY", "date"),
        ("NTZ", "timestamp_ntz"),
        ("EARLY", "timestamp_ntz"),
        ("TZ", "timestamp_tz"),
        ("TM", "time"),
        ("V", "variant"),
        ("N", "text"),
    ]
    assert rows(answer) == [
        [
            "42",
            "1.50",
            "0.1",
            "text",
            "true",
            "2",
            "1706933106.123456000",
            "-0.500000000",
            "1706925906.000000000 1140",
            "3723.500000000",
            '{"a":1}',
            None,
        ]
    ]
    assert rows(unchanged.sql("SELECT content FROM files ORDER BY name")) == [[""], ["68656C6C6F"]]
    assert rows(unchanged.sql("SELECT NULL", query="nullable=false")) == [["null"]]


def test_names_fold_to_upper_case_unless_quoted(unchanged: Any) -> None:
    answer = unchanged.sql('SELECT id, name AS "Full Name", COUNT(*) FROM contacts WHERE id = 1 GROUP BY 1, 2')
    assert columns(answer) == [("ID", "fixed"), ("Full Name", "text"), ("COUNT(*)", "fixed")]
    assert unchanged.sql('SELECT * FROM "contacts"').json()["code"] == "002003"
    assert unchanged.sql("SELECT 1", database="crm").status == 200
    assert unchanged.sql("SELECT * FROM contacts", database="crm").json()["code"] == "002003"


def test_partitions_beyond_the_first_come_by_number_and_compressed(unchanged: Any) -> None:
    token = unchanged.token("snowflake")
    answer = unchanged.sql("SELECT id FROM events ORDER BY id", token=token)
    head = answer.json()
    parts = head["resultSetMetaData"]["partitionInfo"]
    assert [part["rowCount"] for part in parts] == [2000, 2000, 2000, 2000, 1000]
    assert head["resultSetMetaData"]["numRows"] == 9000
    ids = [row[0] for row in head["data"]]
    for index in range(1, len(parts)):
        path = f"/api/v2/statements/{head['statementHandle']}?partition={index}"
        part = unchanged.provider("snowflake", "GET", path, token=token)
        assert part.headers["Content-Encoding"] == "gzip"
        body = json.loads(gzip.decompress(part.body))
        assert set(body) == {"data"}
        ids += [row[0] for row in body["data"]]
    assert ids == [str(number) for number in range(1, 9001)]
    beyond = unchanged.provider(
        "snowflake", "GET", f"/api/v2/statements/{head['statementHandle']}?partition=5", token=token
    )
    assert beyond.status == 400


def test_an_asynchronous_statement_is_polled_by_its_handle(unchanged: Any) -> None:
    answer = unchanged.sql("SELECT COUNT(*) FROM contacts WHERE SYSTEM$WAIT(0.1) IS NOT NULL", query="async=true")
    assert (answer.status, answer.json()["code"]) == (202, "333334")
    assert answer.json()["statementStatusUrl"].endswith(answer.json()["statementHandle"])
    assert rows(finish(unchanged, answer.json()["statementHandle"])) == [["240"]]


async def test_a_slow_statement_turns_into_202_and_still_ends() -> None:
    settings = Settings(port=0, synchronous_wait=0.05)
    async with running(settings) as endpoints, aiohttp.ClientSession(endpoints.url) as session:
        session.headers["Authorization"] = f"Bearer {settings.api_key}"
        async with session.post("/data-integrations/snowflake/token", json={"user_id": "user_alice"}) as vended:
            token = (await vended.json())["access_token"]["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        statement = {"statement": "SELECT SYSTEM$WAIT(300, 'MILLISECONDS')"}
        async with session.post("/api/v2/statements", json=statement) as answer:
            assert answer.status == 202
            path = (await answer.json())["statementStatusUrl"]
        while True:
            async with session.get(path) as answer:
                if answer.status != 202:
                    assert (await answer.json())["data"] == [["waited 300 milliseconds"]]
                    return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT SYSTEM$WAIT(60)",
        "SELECT SUM(LENGTH(a.kind || b.kind || c.kind)) FROM events a, events b, events c",
    ],
    ids=["waiting", "computing"],
)
def test_cancel_interrupts_and_the_handle_says_so(unchanged: Any, statement: str) -> None:
    handle = unchanged.sql(statement, query="async=true").json()["statementHandle"]
    cancelled = unchanged.provider("snowflake", "POST", f"/api/v2/statements/{handle}/cancel")
    assert cancelled.status == 200
    after = unchanged.provider("snowflake", "GET", f"/api/v2/statements/{handle}")
    assert (after.status, after.json()["code"]) == (422, "000604")
    again = unchanged.provider("snowflake", "POST", f"/api/v2/statements/{handle}/cancel")
    assert again.status == 422


def test_a_statement_beyond_its_timeout_is_cancelled_with_408(unchanged: Any) -> None:
    handle = unchanged.sql("SELECT SYSTEM$WAIT(60)", timeout=1, query="async=true").json()["statementHandle"]
    answer = finish(unchanged, handle)
    assert (answer.status, answer.json()["code"], answer.json()["sqlState"]) == (408, "000630", "57014")


@pytest.mark.parametrize(
    ("statement", "code", "state"),
    [
        ("SELEC 1", "001003", "42000"),
        ("SELECT * FROM nope", "002003", "42S02"),
        ("DESCRIBE TABLE nope", "002003", "42S02"),
        ("SELECT nope FROM contacts", "000904", "42000"),
        ("SELECT nofunction(1)", "002140", "42601"),
        ("SELECT 1 / (id - id) FROM contacts", "100051", "22012"),
        ("SELECT 'a'::INT", "100038", "22018"),
        ("CALL refresh_contacts()", "000002", "0A000"),
        ("SELECT * INTO copy FROM contacts", "001003", "42000"),
        ("SELECT * FROM orders AT (OFFSET => -60)", "000707", "02000"),
        ("CREATE TABLE contacts (id INT)", "002002", "42710"),
        ("COMMIT", "391911", "0A000"),
    ],
)
def test_a_failed_statement_has_snowflakes_code_and_state(
    unchanged: Any, statement: str, code: str, state: str
) -> None:
    answer = unchanged.sql(statement)
    body = answer.json()
    assert (answer.status, body["code"], body["sqlState"]) == (422, code, state), body
    assert body["statementHandle"]
    assert "LINE 1" not in body["message"]


def test_writes_really_change_data_and_are_counted(sandbox: Any) -> None:
    def count() -> list[list[str | None]]:
        return rows(sandbox.sql("SELECT COUNT(*) FROM contacts"))

    inserted = sandbox.sql("INSERT INTO contacts (id, name) VALUES (901, 'x'), (902, 'y')")
    assert (rows(inserted), inserted.json()["stats"]["numRowsInserted"]) == ([["2"]], 2)
    assert count() == [["242"]]
    assert sandbox.sql("UPDATE contacts SET name = 'z' WHERE id > 900").json()["stats"]["numRowsUpdated"] == 2
    merged = "MERGE INTO contacts t USING staged s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.name = s.name"
    assert sandbox.sql(merged).json()["stats"]["numRowsUpdated"] == 5
    assert sandbox.sql("DELETE FROM contacts WHERE id > 900").json()["stats"]["numRowsDeleted"] == 2
    assert count() == [["240"]]
    assert sandbox.sql("CREATE TABLE made AS SELECT * FROM contacts").status == 200
    assert sandbox.sql("INSERT OVERWRITE INTO made SELECT * FROM contacts LIMIT 3").status == 200
    assert rows(sandbox.sql("SELECT COUNT(*) FROM made")) == [["3"]]
    assert sandbox.sql("TRUNCATE TABLE contacts").status == 200
    assert sandbox.admin("GET", "/state")["snowflake"]["row_counts"]["acme-eu1"]["CRM.PUBLIC.CONTACTS"] == 0
    assert sandbox.sql("DROP TABLE contacts").status == 200
    assert sandbox.sql("SELECT * FROM contacts").status == 422


def test_functions_that_act_leave_a_mark(sandbox: Any) -> None:
    assert rows(sandbox.sql("SELECT orders_seq.NEXTVAL")) == [["1001"]]
    assert rows(sandbox.sql("SELECT crm.public.orders_seq.nextval")) == [["1002"]]
    sandbox.sql("SELECT id FROM contacts WHERE crm.public.notify(id) IS NOT NULL")
    assert rows(sandbox.sql("SELECT outside_calls.NEXTVAL")) == [["241"]]


def test_statements_beyond_the_declared_count_do_not_run(sandbox: Any) -> None:
    both = "SELECT 1; DELETE FROM contacts"
    refused = sandbox.sql(both)
    assert (refused.status, refused.json()["code"]) == (422, "000008")
    assert rows(sandbox.sql("SELECT COUNT(*) FROM contacts")) == [["240"]]
    done = sandbox.sql(both, parameters={"multi_statement_count": 0})
    assert rows(done) == [["Multiple statements executed successfully."]]
    first, second = done.json()["statementHandles"]
    assert rows(sandbox.provider("snowflake", "GET", f"/api/v2/statements/{first}")) == [["1"]]
    deleted = sandbox.provider("snowflake", "GET", f"/api/v2/statements/{second}").json()
    assert deleted["stats"]["numRowsDeleted"] == 240
    assert rows(sandbox.sql("SELECT COUNT(*) FROM contacts")) == [["0"]]


def test_a_transaction_lives_within_one_request(sandbox: Any) -> None:
    text = "BEGIN; DELETE FROM contacts; ROLLBACK; SELECT COUNT(*) FROM contacts"
    done = sandbox.sql(text, parameters={"multi_statement_count": 4})
    last = done.json()["statementHandles"][-1]
    assert rows(sandbox.provider("snowflake", "GET", f"/api/v2/statements/{last}")) == [["240"]]


def test_bind_variables_take_the_place_of_question_marks(unchanged: Any) -> None:
    bindings = {"1": {"type": "FIXED", "value": "2"}, "2": {"type": "TEXT", "value": "x'; DROP TABLE contacts; --"}}
    answer = unchanged.sql(
        "SELECT id, ? AS t FROM contacts WHERE id = ?", bindings={"1": bindings["2"], "2": bindings["1"]}
    )
    assert rows(answer) == [["2", "x'; DROP TABLE contacts; --"]]
    assert unchanged.sql("SELECT ?").json()["code"] == "002049"
    assert unchanged.sql("SELECT ?", bindings={"1": {"type": "TEXT", "value": 5}}).status == 400


def test_a_resubmitted_request_does_not_run_twice(sandbox: Any) -> None:
    token = sandbox.token("snowflake")
    insert = "INSERT INTO staged VALUES (99, 'once')"
    request = "requestId=5a6b1b0e-5b2f-4f0b-9d2c-2f1f5a4f0a01"
    first = sandbox.sql(insert, token=token, query=request)
    again = sandbox.sql(insert, token=token, query=request + "&retry=true")
    assert first.json()["statementHandle"] == again.json()["statementHandle"]
    assert rows(sandbox.sql("SELECT COUNT(*) FROM staged WHERE id = 99")) == [["1"]]


def test_show_describe_and_information_schema_tell_the_same(unchanged: Any) -> None:
    tables = unchanged.sql("SHOW TABLES LIKE 'c%' IN SCHEMA crm.public")
    assert ("name", "text") in columns(tables)
    names = [row[1] for row in rows(tables)]
    assert names == ["CALL_LOG", "CONTACTS", "CONTACTS_BACKUP"]
    listed = rows(
        unchanged.sql("SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'C%' ORDER BY 1")
    )
    assert [row[0] for row in listed] == names
    described = rows(unchanged.sql("DESCRIBE TABLE crm.public.orders"))
    assert described[3][:2] == ["AMOUNT", "NUMBER(12,2)"]
    shown = rows(unchanged.sql("SHOW COLUMNS IN TABLE orders"))
    assert {row[2] for row in shown} == {row[0] for row in described}
    for statement, name in (
        ("SHOW SCHEMAS", "PUBLIC"),
        ("SHOW DATABASES", "CRM"),
        ("SHOW VIEWS", "V_CONTACTS"),
        ("SHOW WAREHOUSES", "COMPUTE_WH"),
    ):
        assert any(name in row for row in rows(unchanged.sql(statement))), statement


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT payload:customer.name::STRING FROM events WHERE id = 1",
        "SELECT f.value:sku::STRING FROM events e, LATERAL FLATTEN(INPUT => e.payload:items) f WHERE e.id = 1",
        "SELECT value FROM TABLE(FLATTEN(INPUT => PARSE_JSON('[1,2,3]')))",
        "SELECT $1, $2 FROM VALUES (1, 'a'), (2, 'b')",
        "SELECT id FROM contacts QUALIFY ROW_NUMBER() OVER (PARTITION BY region ORDER BY id) = 1",
        "SELECT m.id FROM contacts m START WITH m.boss IS NULL CONNECT BY PRIOR m.id = m.boss",
        "SELECT * FROM IDENTIFIER('crm.public.contacts') LIMIT 1",
        "SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 1000))",
        "EXPLAIN USING TEXT SELECT * FROM contacts",
    ],
)
def test_clauses_of_snowflake_are_executed(unchanged: Any, statement: str) -> None:
    assert rows(unchanged.sql(statement))


def test_sql_reaches_neither_files_nor_other_databases(unchanged: Any) -> None:
    for statement in (
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        'SELECT * FROM "/etc/passwd"',
        "COPY INTO 's3://bucket/' FROM contacts",
    ):
        answer = unchanged.sql(statement)
        assert answer.status == 422, statement
        assert b"root:" not in answer.body


def test_a_role_that_may_only_read_cannot_write(unchanged: Any) -> None:
    token = unchanged.token("snowflake", organization_id="org_acme", connection_owner="organization")
    assert rows(unchanged.sql("SELECT CURRENT_ROLE()", token=token)) == [["REPORTER"]]
    refused = unchanged.sql("DELETE FROM contacts", token=token)
    assert (refused.status, refused.json()["code"]) == (422, "003001")
    assert unchanged.sql("SELECT 1", token=token, role="ANALYST").status == 400


def test_a_token_is_good_for_its_account_and_its_time_only(sandbox: Any) -> None:
    token = sandbox.token("snowflake")
    assert sandbox.sql("SELECT 1", token="made-up").status == 401
    assert sandbox.sql("SELECT 1", token=sandbox.token("google-drive")).status == 401
    elsewhere = sandbox.provider(
        "snowflake",
        "POST",
        "/api/v2/statements",
        {"statement": "SELECT 1"},
        token=token,
        Pipes_Sandbox_Host="other-eu1.snowflakecomputing.com",
    )
    assert elsewhere.status == 401
    wrong_kind = sandbox.provider(
        "snowflake",
        "POST",
        "/api/v2/statements",
        {"statement": "SELECT 1"},
        token=token,
        X_Snowflake_Authorization_Token_Type="KEYPAIR_JWT",
    )
    assert wrong_kind.status == 401
    sandbox.admin("POST", "/tokens/end", {"provider": "snowflake"})
    expired = sandbox.sql("SELECT 1", token=token)
    assert (expired.status, expired.json()["code"]) == (401, "390318")


def test_a_handle_is_for_the_connection_that_made_it(unchanged: Any) -> None:
    handle = unchanged.sql("SELECT 1").json()["statementHandle"]
    other = unchanged.token("snowflake", organization_id="org_acme", connection_owner="organization")
    assert unchanged.provider("snowflake", "GET", f"/api/v2/statements/{handle}", token=other).status == 404
    assert unchanged.provider("snowflake", "POST", f"/api/v2/statements/{handle}/cancel", token=other).status == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        ({}, 400),
        ({"statement": " ; -- nothing"}, 400),
        ({"statement": 5}, 400),
        ({"statement": "SELECT 1", "timeout": -1}, 400),
    ],
)
def test_a_malformed_request_is_refused(unchanged: Any, body: Any, status: int) -> None:
    assert unchanged.provider("snowflake", "POST", "/api/v2/statements", body).status == status


def test_statements_run_side_by_side_while_the_sandbox_answers(unchanged: Any) -> None:
    token = unchanged.token("snowflake")
    heavy = "SELECT SUM(LENGTH(a.kind || b.name)) FROM events a, contacts b"
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        running = [pool.submit(unchanged.sql, heavy, token=token, query="async=true") for _ in range(6)]
        with urllib.request.urlopen(unchanged.url + "/healthz", timeout=5) as health:
            assert health.status == 200
        handles = [each.result().json()["statementHandle"] for each in running]
    for handle in handles:
        assert finish(unchanged, handle, token).status == 200
