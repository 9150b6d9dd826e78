"""`make catalog-check`: which catalog is held to what, told by running it.

Descriptions are the providers' own published ones (`tests/conformance/test_<provider>_description.py`), clients the
providers' own libraries against the sandbox (`tests/sandbox/test_<provider>_*with_client.py`), calls the catalog's
tools through egress (`tests/egress/test_<provider>_*.py`).
"""

import itertools
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import pipes_catalog
from pipes_catalog import ToolAccess

TESTS = Path(__file__).parent
SUITES = {
    "description": ("conformance", "test_{}_description.py"),
    "client": ("sandbox", "test_{}_*with_client.py"),
    "tools through egress": ("egress", "test_{}_*.py"),
}


@dataclass(eq=False)
class Outcomes:
    """A pytest plugin: what became of the tests of each file."""

    by_file: dict[str, Counter[str]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            name = Path(report.fspath).name
            self.by_file.setdefault(name, Counter())[report.outcome] += 1

    def said(self, paths: list[Path]) -> str:
        if not paths:
            return "none"
        counted = sum((self.by_file.get(path.name, Counter()) for path in paths), Counter[str]())
        if counted["failed"]:
            return f"{counted['failed']} FAILED of {counted.total()}"
        if counted["skipped"]:
            return f"{counted['passed']} passed, {counted['skipped']} skipped"
        return f"{counted['passed']} passed" if counted["passed"] else "not run"


def main() -> int:
    catalogs = pipes_catalog.load()
    files = {
        provider: {suite: _files(provider, *where) for suite, where in SUITES.items()}
        for provider in catalogs.by_provider
    }
    present = [str(path) for suites in files.values() for paths in suites.values() for path in paths]
    outcomes = Outcomes()
    code = pytest.main(
        ["-q", "--no-header", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile", *present], plugins=[outcomes]
    )
    print()
    head = ["provider", "tools", "read", "write", "judged", *SUITES, "how it is checked"]
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    total: Counter[ToolAccess] = Counter()
    for provider, catalog in catalogs.by_provider.items():
        access = Counter(tool.access for tool in catalog.tools.values())
        total += access
        cells = [
            provider,
            *_counts(access),
            *(outcomes.said(paths) for paths in files[provider].values()),
            _note(provider),
        ]
        print("| " + " | ".join(cells) + " |")
    print("| all | " + " | ".join(_counts(total)) + " |" + " |" * (len(SUITES) + 1))
    return int(code)


def _files(provider: str, directory: str, pattern: str) -> list[Path]:
    return sorted((TESTS / directory).glob(pattern.format(provider.replace("-", "_"))))


def _counts(access: Counter[ToolAccess]) -> list[str]:
    by_kind = (access[each] for each in (ToolAccess.READ, ToolAccess.WRITE, ToolAccess.JUDGED))
    return [str(access.total()), *(str(each) for each in by_kind)]


def _note(provider: str) -> str:
    """The comment that the catalog begins with."""
    path = Path(pipes_catalog.__file__).parent / "providers" / f"{provider}.yaml"
    comments = itertools.takewhile(lambda line: line.startswith("#"), path.read_text().splitlines())
    return " ".join(line.lstrip("# ") for line in comments)


if __name__ == "__main__":
    sys.exit(main())
