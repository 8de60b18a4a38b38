"""What may be done with a batch; who reads and undoes it follows from its demand."""

from app.demands.access import may_broker
from app.dockings.batches.models import BatchItemState, InvitationBatch
from app.organizations.actors import Actor


def allowed_actions(actor: Actor, batch: InvitationBatch) -> list[str]:
    """What the actor may do with this batch now."""
    is_open = any(item.state is BatchItemState.INVITED for item in batch.items)
    return ["undo"] if is_open and may_broker(actor, batch.demand) else []
