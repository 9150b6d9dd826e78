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
        "SELECT Name n, MAX(Amount) max, COUNT(Id) FROM Opportunity GROUP BY Name HAVING COUNT(Id) > 1",
        "SELECT COUNT() FROM Contact c, c.Account a WHERE a.Name = 'x'",
        "SELECT Id FROM Event WHERE StartDateTime > 2026-10-08T01:02:03Z AND EndDateTime < 2026-10-09T00:00:00+01:00",
        "SELECT Id FROM Opportunity WHERE CloseDate = 2026-01-31 AND Amount > USD5000.50 AND Probability >= 0.5",
        "SELECT TYPEOF What WHEN Account THEN Phone, Name WHEN Opportunity THEN Amount ELSE Name END FROM Event",
        "SELECT Id FROM Account WHERE Id NOT IN (SELECT Id FROM C WHERE Email LIKE '%@x.org') LIMIT 5 OFFSET 1",
        "SELECT Id, Name FROM Account WHERE (NOT Name LIKE 'a%') AND (Industry IN ('x') OR Active__c = true)",
        "SELECT Id FROM Account WHERE MSP__c INCLUDES ('AAA;BBB', 'CCC') ORDER BY Name DESC NULLS LAST, Id",
        "SELECT CALENDAR_YEAR(CreatedDate), SUM(Amount) FROM Opportunity GROUP BY CALENDAR_YEAR(CreatedDate)",
        "SELECT LeadSource, GROUPING(LeadSource) g, COUNT(Name) FROM Lead GROUP BY ROLLUP(LeadSource, Rating)",
        "SELECT Id FROM W WHERE DISTANCE(Loc__c, GEOLOCATION(37.77, -122.4), 'mi') < 20 ORDER BY Name",
        "SELECT FIELDS(ALL) FROM Account LIMIT 200",
        "SELECT Id FROM Case USING SCOPE mine WHERE Status = 'New' WITH SECURITY_ENFORCED",
        "SELECT Title FROM Question WHERE LastReplyDate > 2026-01-01T00:00:00Z WITH DATA CATEGORY Geo__c ABOVE usa__c",
        "SELECT Id, (SELECT Id, Email FROM Contacts ORDER BY Email LIMIT 3) FROM Account ALL ROWS",
        "SELECT FORMAT(convertCurrency(Amount)) amt, toLabel(StageName) FROM Opportunity",
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
        "SELECT Id, (SELECT Id FROM Contacts FOR VIEW) FROM Account",
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact FOR REFERENCE)",
        "SELECT Id FROM Account ALL ROWS FOR VIEW",
        "SELECT Id FROM Account LIMIT 1 FOR VIEW UPDATE TRACKING",
    ],
)
def test_a_query_that_leaves_traces_is_a_write(query: str) -> None:
    verdict = soql.judge(query)

    assert verdict.access is Access.WRITE
    assert "changes more than it reads" in verdict.why
    assert not verdict.refuse


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Id FROM Account FOR REVIEW",
        "SELECT Id FROM Account UPDATE COUNTERS",
        "SELECT Id FROM Account WHERE Name",
        "SELECT Id FROM Account WHERE (Name = 'a'",
        "SELECT Id FROM Account TOUCH ALL",
        "SELECT Id",
        "SELECT FROM Account",
        "SELECT Id FROM Account LIMIT :n",
        "SELECT Id FROM Account ORDER BY Name NULLS",
        "SELECT Id FROM A WHERE " + "(" * 60 + "Id = '1'" + ")" * 60,
    ],
)
def test_what_does_not_fit_the_grammar_is_not_proven_to_be_a_read(query: str) -> None:
    verdict = soql.judge(query)

    assert verdict.access is Access.WRITE
    assert "not proven" in verdict.why


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SELECT Id FROM Account -- FOR VIEW",
        "SELECT Id FROM Account /* x */",
        'SELECT Id FROM Account WHERE Name = "x"',
        "SELECT Id FROM Account WHERE Name = '\x00'",
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
