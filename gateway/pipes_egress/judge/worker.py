"""The process that judges: reads requests on standard input, answers on standard output.

One request at a time: four bytes of length, then JSON. It is started without
environment, holds no secret, and is killed when it takes too long.
"""

import resource
import sys
from collections.abc import Callable

import msgspec

from . import graphql, sql
from .verdict import Verdict
from .worker_protocol import Question, frame, read_frame

MEMORY_BYTES = 768 * 1024 * 1024

LANGUAGES: dict[str, Callable[[Question], Verdict]] = {
    "sql": lambda question: sql.judge(question.text, question.dialect),
    "graphql": lambda question: graphql.judge(question.text, question.operation),
}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.setrecursionlimit(4_000)
    sql.judge("SELECT 1", "snowflake")  # fills sqlglot's lazy tables before somebody waits
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (payload := read_frame(source)) is not None:
        question = msgspec.json.decode(payload, type=Question)
        verdict = LANGUAGES[question.language](question)
        sink.write(frame(msgspec.json.encode(verdict)))
        sink.flush()


if __name__ == "__main__":
    main()
