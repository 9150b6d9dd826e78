"""SOSL and JQL: searches, one of which can count what it found."""

import pytest

from pipes_api.resources import Access
from pipes_egress.judge import jql, sosl


@pytest.mark.parametrize(
    "search",
    [
        "FIND {Acme}",
        'find {jo\\} hn OR "UPDATE TRACKING"} in name fields',
        "FIND {a*} IN ALL FIELDS RETURNING Account(Id, Name WHERE Name LIKE 'a%' ORDER BY Name LIMIT 3), Contact, Lead",
        "FIND {MyProspect} RETURNING Contact(FirstName USING ListView = Recent), Account (Id OFFSET 2) LIMIT 20",
        "FIND {t} RETURNING FAQ__kav(Id, Title WHERE Language = 'en_US') WITH DATA CATEGORY G__c AT x__c",
        "FIND {x} IN EMAIL FIELDS RETURNING User WITH DIVISION = 'Global' WITH HIGHLIGHT WITH SPELL_CORRECTION = false",
        "FIND {x} RETURNING Case WITH SNIPPET (target_length=120) WITH NETWORK IN ('1', '2') LIMIT 5",
        "FIND 'quoted' RETURNING Account(toLabel(Industry))",
    ],
)
def test_a_search_is_a_read(search: str) -> None:
    assert sosl.judge(search).access is Access.READ, sosl.judge(search).why


@pytest.mark.parametrize(
    "search",
    [
        "FIND {x} RETURNING FAQ__kav(Title) UPDATE TRACKING",
        "FIND {x} RETURNING FAQ__kav(Title) update\nviewstat",
        "FIND {x}UPDATE TRACKING",
        "FIND {x} UPDATE TRACKING, VIEWSTAT",
        "FIND {x} RETURNING Account(Id FOR VIEW)",
        "FIND {x} FOR REFERENCE",
        "FIND {x} COUNT EVERYTHING",
        "FIND x IN NAME FIELDS",
        "FIND {x} IN SECRET FIELDS",
    ],
)
def test_a_search_that_counts_or_is_not_known_is_a_write(search: str) -> None:
    verdict = sosl.judge(search)

    assert verdict.access is Access.WRITE
    assert not verdict.refuse


@pytest.mark.parametrize(
    "search",
    [
        "",
        "SELECT Id FROM Account",
        "FIND {x",
        "FIND {x} UPDATE TRACKING}",
        "FIND {x{y}}",
        "FIND {x\\} RETURNING Account",
        "FIND {x}; FIND {y}",
        "FIND {x} RETURNING\u00a0Account",
        "FIND {\x00}",
        "FIND {" + "x" * 20_000 + "}",
    ],
)
def test_what_is_no_search_is_refused(search: str) -> None:
    assert sosl.judge(search).refuse


@pytest.mark.parametrize(
    "query",
    [
        "",
        "project = ABC AND status in (Open, 'In \"Progress') ORDER BY created DESC",
        r'summary ~ "a \"quoted\" (word" AND (assignee = currentUser() OR labels is EMPTY)',
        "text ~ 'délai (' AND updated >= -7d",
        'statusCategory != Done\n  AND due <= endOfWeek("+1w")',
    ],
)
def test_jql_is_a_read(query: str) -> None:
    assert jql.judge(query).access is Access.READ, jql.judge(query).why


@pytest.mark.parametrize(
    "query",
    [
        "project = A) OR (project = B",
        "project = A)) OR ((project = B",
        "project = A) OR (1 = 1",
        "(project = A",
        "project = A)",
        "summary ~ 'x",
        'summary ~ "x\\"',
        "project = A\x00",
        "project = A\u2028OR project = B",
        "a = 1 OR " * 4_000 + "a = 1",
    ],
)
def test_jql_that_could_undo_a_condition_beside_it_is_refused(query: str) -> None:
    assert jql.judge(query).refuse
