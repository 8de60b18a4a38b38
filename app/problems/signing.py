"""The signatures under a confirmed problem: each enterprise's own word, and what comes of them."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.clock import now
from app.interface.errors import Conflict, conflicting_field, invalid_field
from app.interface.language import Text
from app.organizations.actors import Actor
from app.problems.access import may_manage, parties_of
from app.problems.models import Answer, CommonProblem, ProblemSignature
from app.problems.operations import enter, get_managed, hold
from app.problems.presentation import find_published
from app.problems.proposing import describe, forget_reasons, present
from app.problems.schemas import AnswerOf, CoSigning, SigningConclusion
from app.problems.similarity import OpenDemand
from app.problems.workflow import TRANSITIONS
from app.scopes import Scope, borrowed
from app.transitions import next_state

WHOLE = 100
TOO_FEW = Text("须有至少两家企业联署", "Two enterprises have to sign at least")
UNEVEN = Text(
    "联署企业的费用分担须合计 100%，现为 {total}%",
    "The shares of the co-signers are to be 100 % in all, and are {total} %",
)
GONE = Text(
    "有联署企业的需求已不再公开，请稍后重试",
    "The demand of a co-signer is not published any more; try again in a moment",
)
ANSWERED_ITSELF = Text(
    "该企业已自行答复，只能由企业自己更改",
    "The enterprise has answered itself, and alone changes its answer",
)


async def answer(
    session: AsyncSession, actor: Actor, problem_id: UUID, data: AnswerOf
) -> CommonProblem:
    """Sign for a share of the cost, or decline; an enterprise may think better of either.

    What staff note of it never takes the place of its own word.
    """
    problem = await hold(session, actor, problem_id)
    verb = "co-sign" if isinstance(data, CoSigning) else "decline"
    next_state(TRANSITIONS, verb, problem.state, parties_of(actor, problem))
    organization_id = _speaks_for(actor, problem, data)
    _write(problem, organization_id, data, is_noted=not actor.acts_for(organization_id))
    await session.flush()
    told = {"organization_id": str(organization_id)}
    kind = f"common_problem.{'signed' if verb == 'co-sign' else 'declined'}"
    await changes.append(session, kind, problem.id, actor_id=actor.account_id, data=told)
    return problem


async def conclude(
    session: AsyncSession, actor: Actor, problem_id: UUID, data: SigningConclusion
) -> CommonProblem:
    """From now on it is the co-signers' alone; the demands of all others are taken out of it."""
    problem = await get_managed(session, actor, problem_id)
    target = next_state(TRANSITIONS, "conclude-signing", problem.state, parties_of(actor, problem))
    _require_whole(problem)
    lead = data.lead_organization_id
    if lead not in problem.co_signer_ids:
        raise invalid_field(
            "/lead_organization_id", "not_signed", "须为联署企业之一", "One of the co-signers"
        )
    problem.lead_organization_id = lead
    async with borrowed(session, Scope.PROBLEMS):  # also demands that other staff carry
        async with borrowed(session, Scope.INDEX):
            found = await find_published(session, [member.demand_id for member in present(problem)])
        owners = {demand.id: demand.organization_id for demand in found}
        if not set(problem.co_signer_ids) <= set(owners.values()):
            raise Conflict(GONE)
        for member in present(problem):
            if owners.get(member.demand_id) not in problem.co_signer_ids:
                member.is_excluded = True
                forget_reasons(problem)
        # Before it is undertaken, after which whose it is, and where, stands fast.
        describe(problem, {str(demand.id): OpenDemand.of(demand) for demand in found})
        await enter(session, actor, problem, target, "conclude-signing")
    return problem


def _speaks_for(actor: Actor, problem: CommonProblem, data: AnswerOf) -> UUID:
    """The enterprise whose answer it is. Raises Invalid where that is none, or not said."""
    own = sorted(actor.organization_ids & set(problem.organization_ids))
    wanted = data.organization_id or (own[0] if len(own) == 1 else None)
    if wanted is None:
        raise invalid_field(
            "/organization_id", "missing", "请指明是哪家企业", "Name the enterprise"
        )
    is_noted = may_manage(actor, problem)
    if wanted not in (problem.organization_ids if is_noted else own):
        raise invalid_field(
            "/organization_id", "not_in_problem", "不是该难题的企业", "Not an enterprise of it"
        )
    if is_noted and not data.note:
        raise invalid_field(
            "/note", "missing", "请说明企业如何答复", "Say how the enterprise said it"
        )
    return wanted


def _write(
    problem: CommonProblem, organization_id: UUID, data: AnswerOf, *, is_noted: bool
) -> None:
    """The one answer of the enterprise, in place of any before that may be replaced."""
    known = {one.organization_id: one for one in problem.signatures}
    signature = known.get(organization_id)
    if signature is None:
        signature = ProblemSignature(organization_id=organization_id)
        problem.signatures.append(signature)
    elif is_noted and not signature.is_noted_by_staff:
        raise conflicting_field("/organization_id", "answered_itself", ANSWERED_ITSELF)
    signature.share = data.share if isinstance(data, CoSigning) else None
    signature.answer = Answer.DECLINED if signature.share is None else Answer.SIGNED
    signature.note, signature.is_noted_by_staff = data.note, is_noted
    others = set(problem.co_signer_ids) - {organization_id}  # whose answers it may not see
    own = {organization_id} if signature.answer is Answer.SIGNED else set[UUID]()
    problem.co_signer_ids = sorted(others | own)
    problem.updated_at = now()  # its version is that of the shares, too


def _require_whole(problem: CommonProblem) -> None:
    """Raises Conflict for fewer than two signatures, or shares that are not the whole cost."""
    shares = [one.share for one in problem.signatures if one.share is not None]
    if len(shares) < 2:
        raise Conflict(TOO_FEW)
    total = sum(shares, Decimal())
    if total != WHOLE:
        raise Conflict(UNEVEN.format(total=f"{total.normalize():f}"))
