"""The answer to a request for long work: 202, the operation, and where to follow it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Response

from app.interface.language import LanguageDep
from app.progress import operations
from app.progress.models import Operation
from app.progress.schemas import OperationBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Shows an operation in the caller's language, and points to it."""

    response: Response
    language: str

    def show(self, operation: Operation) -> OperationBody:
        self.response.headers["Location"] = f"/api/v1/operations/{operation.id}"
        return operations.show(operation, self.language)


async def get_accepted(response: Response, language: LanguageDep) -> Accepted:
    return Accepted(response=response, language=language)


AcceptedDep = Annotated[Accepted, Depends(get_accepted)]
