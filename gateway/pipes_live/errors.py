"""What can go wrong between a gateway or broker and the session service."""

from pipes_api.messages import Failure


class Refused(Exception):  # noqa: N818 - reads as what happened
    """The session service answered, and said no. `failure` is what it said, `status` the HTTP status."""

    def __init__(self, failure: Failure, status: int) -> None:
        super().__init__(failure.message or failure.reason)
        self.failure = failure
        self.status = status


class Unreachable(Exception):  # noqa: N818 - reads as what happened
    """No answer that can be trusted: no connection, no valid certificate, no time, or not our protocol."""
