"""Lists of inputs under `tests/data/`."""

import re
from pathlib import Path

DATA = Path(__file__).parent / "data"

_ESCAPE = re.compile(r"\\(n|t|r|u[0-9a-fA-F]{4})")
_PLAIN = {"n": "\n", "t": "\t", "r": "\r"}


def decoded(line: str) -> str:
    r"""The line with `\n`, `\t`, `\r` and `\uXXXX` replaced; every other backslash stays."""
    return _ESCAPE.sub(lambda match: _PLAIN.get(match[1]) or chr(int(match[1][1:], 16)), line)


def lines(name: str) -> list[tuple[str, str]]:
    """(group, decoded line) of every line; a heading `## W1 …` begins the group `W1`."""
    group, found = "", []
    for line in (DATA / name).read_text().splitlines():
        if line.startswith("##"):
            group = line[3:].partition(" ")[0]
        else:
            found.append((group, decoded(line)))
    return found
