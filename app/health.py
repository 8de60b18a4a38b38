"""Whether the process lives, and whether it can serve."""

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from sqlalchemy import text

from app.database import SessionDep
from app.interface.errors import PROBLEM_RESPONSES


def forbid_storing(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


router = APIRouter(
    tags=["health"],
    responses={503: PROBLEM_RESPONSES[503]},
    dependencies=[Depends(forbid_storing)],
)


class Health(BaseModel):
    status: str = Field(examples=["ok"])


@router.get("/livez")
async def is_alive() -> Health:
    """存活 · The process answers."""
    return Health(status="ok")


@router.get("/readyz")
async def is_ready(session: SessionDep) -> Health:
    """就绪 · The database answers as well; 503 when it does not."""
    await session.execute(text("SELECT 1"))
    return Health(status="ok")
