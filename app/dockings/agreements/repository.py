"""Every SELECT on agreements."""

from sqlalchemy import ColumnElement, Select

from app import queries
from app.dockings.agreements.models import Agreement
from app.dockings.agreements.schemas import AgreementQuery
from app.dockings.repository import parts


def listed(query: AgreementQuery, readable: ColumnElement[bool]) -> Select[Agreement]:
    """Readable agreements that meet the filters."""
    wanted = queries.equals(Agreement, query, ("docking_id", "kind", "state"))
    return parts(Agreement).where(readable, *wanted)
