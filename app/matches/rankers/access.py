"""Who may put a ranker in force, and leave that to the job again."""

from app.accounts.models import Role
from app.matches.models import StoredRanker
from app.matches.rankers.workflow import RANKER_TRANSITIONS, is_held
from app.organizations.actors import Actor
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor) -> set[Party]:
    """Every region is matched by the ranker in force, so the country's staff alone decide."""
    return {Party.STAFF} if actor.role is Role.ADMINISTRATOR else set()


def allowed_actions(actor: Actor, ranker: StoredRanker) -> list[str]:
    verbs = possible_verbs(RANKER_TRANSITIONS, ranker.state, parties_of(actor))
    return [verb for verb in verbs if verb != "release" or is_held(ranker)]
