"""What the gateway's own tools have in common."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pipes_api.reasons import Reason
from pipes_live.errors import Refused, Unreachable
from pipes_policy import remedies
from pipes_policy.call import Denial

from ..arguments import ArgumentSchema
from ..results import Result, denied, failed

SESSION_NAME = {
    "type": "string",
    "minLength": 1,
    "maxLength": 253,
    "pattern": "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
}


class OwnTool(ABC):
    """One tool. Its schema is refused to be broken before `run` is asked."""

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    properties: ClassVar[dict[str, Any]]
    required: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[bool]

    def __init__(self) -> None:
        self._schema = ArgumentSchema(self.schema)

    @property
    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": self.properties,
            "required": list(self.required),
            "additionalProperties": False,
        }

    def described(self) -> dict[str, Any]:
        """Its entry of `tools/list`."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.schema,
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.reads,
                "destructiveHint": False,
                "openWorldHint": False,
            },
        }

    async def call(self, arguments: dict[str, Any]) -> Result:
        problem = self._schema.problem(arguments)
        if problem is not None:
            return failed(f"invalid arguments: {problem}")
        try:
            return await self.run(arguments)
        except Refused as refused:
            failure = refused.failure
            text = f"refused: {failure.message.rstrip('.') or failure.reason}. {failure.remedy}".rstrip()
            return failed(text, {"reason": failure.reason, "retryAfterSeconds": failure.retry_after_seconds})
        except Unreachable:
            return unavailable()

    @abstractmethod
    async def run(self, arguments: dict[str, Any]) -> Result:
        """Do it, with arguments that the schema allows.

        Raises:
            Refused, Unreachable: from the session service.
        """


def unavailable() -> Result:
    """The operator does not answer, or has not yet."""
    message = "the session service does not answer now"
    return denied(Denial(reason=Reason.OPERATOR_UNAVAILABLE, message=message, remedy=remedies.RETRY))
