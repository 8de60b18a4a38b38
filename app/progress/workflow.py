"""How an operation goes from the queue to its end, counted and timed."""

from app.clock import now
from app.progress.models import LIVING, Operation, OperationState


def settle(operation: Operation, state: OperationState) -> None:
    """Put the operation into a state; work that begins, or begins again, counts from nothing."""
    operation.state, operation.updated_at = state, now()
    if state is OperationState.RUNNING:
        operation.done_count = 0
        operation.started_at = operation.started_at or now()
    if state is OperationState.DONE and operation.total_count is not None:
        operation.done_count = operation.total_count
    if state not in LIVING:
        operation.finished_at = now()
