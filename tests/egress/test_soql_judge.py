"""SOQL: queries that also write what they looked at are not reads."""

import pytest

from pipes_api.resources import Access
from pipes_egress.judge import soql


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Id, Name FROM Account LIMIT 10",
        "select Id from Contact where Name = 'FOR VIEW'",
        r"SELECT Id FROM Contact WHERE Name = 'O\'Brien FOR UPDATE'",
        "SELECT Id, Account.Name FROM Contact WHERE LastModifiedDate = LAST_N_DAYS:7 ORDER BY Name",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account WHERE Id IN ('a', 'b', '')",
        "SELECT UpdatedById FROM Account WHERE Last_Update__c != null",
        "SELECT Id FROM Account WHERE Name = 'Zoë'",
    ],
)
def test_a_query_is_a_read(query: str) -> None:
    assert soql.judge(query).access is Access.READ, soql.judge(query).why


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Id FROM Account FOR VIEW",
        "SELECT Id FROM Account FOR\n  REFERENCE",
        "SELECT Id FROM Account for update",
        "SELECT Id FROM Article__kav UPDATE TRACKING",
        "SELECT Id FROM Article__kav UPDATE VIEWSTAT",
        "SELECT Id FROM Account WHERE Name = 'a'FOR VIEW",
    ],
)
def test_a_query_that_leaves_traces_is_a_write(query: str) -> None:
    verdict = soql.judge(query)

    assert verdict.access is Access.WRITE
    assert not verdict.refuse


@pytest.mark.parametrize(
    "query",
    [
        "",
        "FIND {x}",
        "DELETE FROM Account",
        "SELECT Id FROM Account; SELECT 1",
        "SELECT Id FROM Account WHERE Name = 'x",
        r"SELECT Id FROM Account WHERE Name = 'x\' FOR VIEW",
        "SELECT Id FROM Account FOR\u00a0VIEW",
        "SELECT Id FROM Account\x00",
        "SELECT " + "Id," * 10_000 + "Id FROM Account",
    ],
)
def test_what_is_no_query_is_refused(query: str) -> None:
    assert soql.judge(query).refuse
