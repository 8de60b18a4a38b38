"""What stands under /api/v1: the domains' routers, in their order."""

from fastapi import FastAPI

from app.accounts.endpoints import router as accounts
from app.achievements.endpoints import router as achievements
from app.audit.endpoints import router as audit
from app.bulk.endpoints import router as bulk
from app.campaigns.endpoints import router as campaigns
from app.cases.endpoints import router as cases
from app.console.endpoints import router as console
from app.corps.endpoints import router as corps
from app.demands.endpoints import router as demands
from app.dockings.agreements.endpoints import router as agreements
from app.dockings.attachments.endpoints import router as attachments
from app.dockings.batches.endpoints import router as invitation_batches
from app.dockings.disclosure.endpoints import router as disclosure
from app.dockings.endpoints import router as dockings
from app.dockings.log.endpoints import router as docking_log
from app.dockings.ratings.endpoints import router as ratings
from app.dockings.services.endpoints import router as service_records
from app.experts.endpoints import router as experts
from app.interface.errors import PROBLEM_RESPONSES
from app.interface.routing import PREFIX
from app.matches.endpoints import router as matches
from app.matches.rankers.endpoints import router as rankers
from app.matches.standing.endpoints import router as standing_matches
from app.notices.endpoints import router as notices
from app.organizations.endpoints import router as organizations
from app.personal_data.endpoints import router as personal_data
from app.pools.endpoints import router as pools
from app.problems.endpoints import router as problems
from app.progress.endpoints import router as progress
from app.questions.endpoints import router as questions
from app.reference.endpoints import router as reference
from app.teams.endpoints import router as teams
from app.webhooks import document
from app.webhooks.endpoints import router as webhooks

ROUTERS = (
    reference,
    accounts,
    organizations,
    progress,
    experts,
    achievements,
    pools,
    demands,
    campaigns,
    matches,
    standing_matches,
    problems,
    rankers,
    teams,
    corps,
    dockings,
    invitation_batches,
    disclosure,
    docking_log,
    attachments,
    agreements,
    service_records,
    ratings,
    cases,
    questions,
    notices,
    webhooks,
    bulk,
    personal_data,
    audit,
    console,
)


def install(app: FastAPI) -> None:
    """Include each router in the application itself: one in another is searched at both levels."""
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX, responses=PROBLEM_RESPONSES)
    document.declare(app)
