"""`python -m bench.judging`: what it costs to judge a statement, over the lists that the tests hold the judge to."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence

from data_files import DATA, lines
from pipes_catalog.definition import Judge
from pipes_egress.judge import sql
from pipes_egress.judge.pool import JudgePool
from pipes_egress.judge.report import count
from pipes_egress.judge.report import table as refused_table

from .figures import Figure, table

READS = ("sql_reads.txt", "sql_reads_more.txt")
WRITES = ("sql_writes.txt", "sql_writes_more.txt")

SQL = Judge(language="sql", argument="text", dialect="snowflake")
GRAPHQL = Judge(language="graphql", argument="text", operation="operationName")
SOQL = Judge(language="soql", argument="text")

QUERIES = (
    "SELECT Id, Name FROM Account WHERE Industry = 'Energy' ORDER BY Name LIMIT 50",
    "SELECT Id, (SELECT Id, Email FROM Contacts WHERE Email != null) FROM Account WHERE CreatedDate = LAST_N_DAYS:30",
    "SELECT StageName, COUNT(Id) n, SUM(Amount) FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 1",
    "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE Name LIKE 'a%') FOR VIEW",
)


async def measure(rounds: int) -> list[Figure]:
    """Each text `rounds` times, one after the other."""
    reads = [line for name in READS for _, line in lines(name) if line]
    writes = [line for name in WRITES for _, line in lines(name) if line]
    documents = [json.loads(path.read_text())["arguments"]["query"] for path in sorted(DATA.glob("graphql_*.json"))]
    async with JudgePool(workers=1) as pool:
        await pool.warm()
        return [
            Figure("SQL reads, new", await _judged(pool, SQL, reads, rounds, new=True)),
            Figure("SQL writes, new", await _judged(pool, SQL, writes, rounds, new=True)),
            Figure("SQL, judged before", await _judged(pool, SQL, [*reads, *writes], rounds, new=False)),
            Figure("GraphQL, new", await _judged(pool, GRAPHQL, documents, 10 * rounds, new=True)),
            Figure("GraphQL, judged before", await _judged(pool, GRAPHQL, documents, 10 * rounds, new=False)),
            Figure("SOQL (never remembered)", await _judged(pool, SOQL, QUERIES, 50 * rounds, new=False)),
        ]


async def _judged(pool: JudgePool, judge: Judge, texts: Sequence[str], rounds: int, *, new: bool) -> list[float]:
    found = []
    if not new:
        for text in texts:
            await pool.judge(judge, {"text": text})
    for number in range(rounds):
        for text in texts:
            # A text with more room at its end is another one, and means the same.
            arguments = {"text": text + " " * (number + 1) if new else text}
            before = time.perf_counter()
            await pool.judge(judge, arguments)
            found.append((time.perf_counter() - before) * 1000)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.judging", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="times each text is judged (default 3)")
    options = parser.parse_args(arguments)
    print("== judging a statement, in a worker process", flush=True)
    print(table(asyncio.run(measure(options.rounds))), "", sep="\n")
    print("== honest reads that are refused")
    print(refused_table([count(name, (DATA / name).read_text().splitlines(), sql.judge) for name in READS]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
