"""Run folders: made private, and removed with all that runs out of them when their owner is gone."""

import json
import os
import tempfile
import time
from pathlib import Path

from .errors import ClusterError
from .guard import processes_of, sweep
from .processes import start_time

_PREFIX = "pipes-cluster-"
_OWNER = "owner.json"


def make(run_dir: Path | None) -> Path:
    """A private run folder: a new one, or `run_dir` emptied. Raises ClusterError when something runs out of it."""
    _sweep_abandoned()
    if run_dir is None:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    else:
        folder = run_dir.absolute()
        if folder.exists():
            if processes_of(folder):
                raise ClusterError(f"a control plane already runs out of {folder}: take it down first")
            if any(folder.iterdir()) and not (folder / _OWNER).exists():
                raise ClusterError(f"{folder} holds something else: name an empty folder")
            sweep(folder)
        folder.mkdir(mode=0o700, parents=True)
    (folder / _OWNER).write_text(json.dumps({"pid": os.getpid(), "start": start_time(os.getpid())}))
    return folder


def _sweep_abandoned() -> None:
    """Ends what a killed program left behind, had its guard been killed as well."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if folder.stat().st_uid != os.getuid():
                continue
            owner = json.loads((folder / _OWNER).read_text())
        except (OSError, ValueError):
            # Between making a folder and naming its owner lie microseconds: an old one without a name is a leftover.
            if folder.exists() and folder.stat().st_mtime < time.time() - 600:
                sweep(folder)
            continue
        if start_time(owner["pid"]) != owner["start"]:
            sweep(folder)
