"""The jobs of dead workers, given back as a living worker gives them back."""

from procrastinate.worker import Worker

from app.jobs import queue, retry_stalled_jobs


async def given_back() -> None:
    """Two looks: what looks stalled only once stays."""
    workers = [Worker(app=queue)]
    await retry_stalled_jobs(await retry_stalled_jobs(set(), workers), workers)
