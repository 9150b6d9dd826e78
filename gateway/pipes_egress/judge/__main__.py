"""`python -m pipes_egress.judge report FILE...`: of lists of SQL reads (Snowflake), how many are refused as reads."""

import sys
from pathlib import Path

from . import sql
from .report import count, table

USAGE = "usage: python -m pipes_egress.judge report FILE...\n"


def main(arguments: list[str]) -> int:
    """1 when a read was refused, so that it can guard a change."""
    match arguments:
        case ["report", first, *rest]:
            try:
                texts = [(Path(each).name, Path(each).read_text(encoding="utf-8")) for each in (first, *rest)]
            except (OSError, UnicodeDecodeError) as error:
                sys.stderr.write(f"the list cannot be read: {error}\n")
                return 2
            lists = [count(name, text.splitlines(), sql.judge) for name, text in texts]
            sys.stdout.write(table(lists) + "\n")
            return 1 if any(each.refusals for each in lists) else 0
    sys.stderr.write(USAGE)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
