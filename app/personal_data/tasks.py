"""Jobs of personal data: what is past its time goes."""

from procrastinate import JobContext

from app.jobs import queue
from app.personal_data import retention
from app.scopes import Scope, within


@queue.periodic(cron="41 2 * * *")
@queue.task(name="let_go_of_old_data", queueing_lock="let_go_of_old_data", pass_context=True)
async def let_go_of_old_data(context: JobContext, timestamp: int = 0) -> None:
    """Every night, by the periods of the settings."""
    shared = context.additional_context
    sessions = within(shared["sessions"], Scope.SERVICE)
    await retention.let_go(sessions, shared["settings"])
