"""Where the session service is, and how to prove to it who asks."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceSettings:
    """How to reach the session service.

    Attributes:
        url: `https://host:port`, without a path; plain http is refused.
        ca_file: PEM of the operator's CA, the only one that is trusted.
        token_file: projected ServiceAccount token of audience `pipes-operator`; read again for every request,
            since the kubelet renews it.
        silence_seconds: a stream that says nothing for so long (heartbeats come every few seconds) is given up.
        request_seconds: time limit of one request that is not the stream.
    """

    url: str
    ca_file: Path
    token_file: Path
    silence_seconds: float = 15.0
    request_seconds: float = 10.0
