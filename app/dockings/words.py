"""What people have written in and beside dockings, and what is left of it after an erasure."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func

from app.dockings.agreements.models import Agreement
from app.dockings.attachments.models import Attachment
from app.dockings.log.models import LogEntry
from app.dockings.models import DockingStep, Part
from app.dockings.ratings.models import Rating
from app.dockings.services.models import ServiceRecord

# What is said in and beside dockings; days, states, hours and amounts stay.
WORDS: Mapping[type[DockingStep | Part | ServiceRecord], Mapping[str, Any]] = {
    DockingStep: {"note": ""},
    LogEntry: {"text": "", "place": "", "participants": []},
    Attachment: {
        "content": None,
        "filename": "",
        "withdrawal_reason": "",
        "withdrawn_at": func.coalesce(Attachment.withdrawn_at, func.now()),
    },
    Agreement: {"title": "", "parties": []},
    ServiceRecord: {"summary": "", "place": "", "state_reason": ""},
    Rating: {"text": ""},
}
