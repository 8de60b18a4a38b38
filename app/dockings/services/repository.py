"""Every SELECT on service records."""

from sqlalchemy import ColumnElement, Select

from app import queries
from app.dockings.repository import parts
from app.dockings.services.models import ServiceRecord
from app.dockings.services.schemas import ServiceRecordQuery


def listed(query: ServiceRecordQuery, readable: ColumnElement[bool]) -> Select[ServiceRecord]:
    """Readable records that meet the filters."""
    wanted = queries.equals(ServiceRecord, query, ("docking_id", "kind", "state"))
    if query.served_on_gte is not None:
        wanted.append(ServiceRecord.served_on >= query.served_on_gte)
    if query.served_on_lte is not None:
        wanted.append(ServiceRecord.served_on <= query.served_on_lte)
    return parts(ServiceRecord).where(readable, *wanted)
