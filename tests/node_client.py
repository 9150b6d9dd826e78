"""An official client library that only npm has, driven from Python: one process, one JSON line for each call."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent / "node"


class NodeError(Exception):
    """The library threw: `data` is what it says of the error."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(str(data))
        self.data = data


class NodeClient:
    """Calls of a script under `tests/node/` that reads `{call, with, …}` and answers `{result}` or `{error}`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def call(self, name: str, arguments: Any = None, **more: Any) -> Any:
        """What the library gives. Raises NodeError when it throws."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": name, "with": arguments, **more}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the script has ended; what it said is on this test's stderr"
        answer = json.loads(line)
        if "error" in answer:
            raise NodeError(answer["error"])
        return answer.get("result")


@contextmanager
def node_client(script: str) -> Iterator[NodeClient]:
    """A client in a process of its own, which ends with the context. Proxies of the environment are left out."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    process = subprocess.Popen(
        ["node", SCRIPTS / script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield NodeClient(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()
