"""What becomes of each expert of a batch."""

from app.dockings.batches.models import BatchItemState, InvitationBatchItem
from app.interface.errors import Problem


def settle(
    item: InvitationBatchItem, state: BatchItemState, problem: Problem | None = None
) -> None:
    """Put the item into a state, with the reasons why it is no better one."""
    item.state, item.reasons = state, reasons_of(problem) if problem else []


def reasons_of(problem: Problem) -> list[dict[str, str]]:
    """Every reason with its code, as the refusal of a single invitation would tell it."""
    told = [(error.code, error.message) for error in problem.errors]
    if not told:
        told = [(problem.code, problem.detail or problem.title)]
    return [{"code": code, "zh": text.zh, "en": text.en} for code, text in told]
