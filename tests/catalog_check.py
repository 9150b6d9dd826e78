"""`make catalog-check`: which catalog is held to what, told by running it.

Descriptions are the providers' own published ones (`tests/conformance/test_<provider>_description.py`), clients the
providers' own libraries against the sandbox (`tests/sandbox/test_<provider>_with_client.py`), calls the catalog's tools
through egress (`tests/egress/test_<provider>_tools.py`).
"""

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import pipes_catalog
from pipes_catalog import ToolAccess

TESTS = Path(__file__).parent
SUITES = {
    "description": TESTS / "conformance" / "test_{}_description.py",
    "client": TESTS / "sandbox" / "test_{}_with_client.py",
    "tools through egress": TESTS / "egress" / "test_{}_tools.py",
}


@dataclass
class Outcomes:
    """A pytest plugin: what became of the tests of each file."""

    by_file: dict[str, Counter[str]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            name = Path(report.fspath).name
            self.by_file.setdefault(name, Counter())[report.outcome] += 1

    def said(self, path: Path) -> str:
        if not path.exists():
            return "none"
        counted = self.by_file.get(path.name, Counter())
        if counted["failed"]:
            return f"{counted['failed']} FAILED of {counted.total()}"
        if counted["skipped"]:
            return f"{counted['passed']} passed, {counted['skipped']} skipped"
        return f"{counted['passed']} passed" if counted["passed"] else "not run"


def main() -> int:
    catalogs = pipes_catalog.load()
    files = {
        provider: {suite: Path(str(path).format(provider.replace("-", "_"))) for suite, path in SUITES.items()}
        for provider in catalogs.by_provider
    }
    present = [str(path) for suites in files.values() for path in suites.values() if path.exists()]
    outcomes = Outcomes()
    code = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", *present], plugins=[outcomes])
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
            *(outcomes.said(path) for path in files[provider].values()),
            _note(provider),
        ]
        print("| " + " | ".join(cells) + " |")
    print("| all | " + " | ".join(_counts(total)) + " |" + " |" * (len(SUITES) + 1))
    return int(code)


def _counts(access: Counter[ToolAccess]) -> list[str]:
    by_kind = (access[each] for each in (ToolAccess.READ, ToolAccess.WRITE, ToolAccess.JUDGED))
    return [str(access.total()), *(str(each) for each in by_kind)]


def _note(provider: str) -> str:
    """The catalog's own first line, if it is a comment."""
    path = Path(pipes_catalog.__file__).parent / "providers" / f"{provider}.yaml"
    first = path.read_text().partition("\n")[0]
    return first.lstrip("# ").rstrip() if first.startswith("#") else ""


if __name__ == "__main__":
    sys.exit(main())
