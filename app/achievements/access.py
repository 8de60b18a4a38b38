"""Who may see and touch an achievement."""

from sqlalchemy import ColumnElement, or_

from app.achievements.models import Achievement, AchievementState
from app.achievements.workflow import TRANSITIONS, editable_states
from app.organizations.actors import Actor
from app.regions import in_jurisdiction
from app.transitions import Party, possible_verbs


def parties_of(actor: Actor, achievement: Achievement) -> set[Party]:
    """In which capacities the actor touches this achievement."""
    held = {
        Party.ORGANIZATION: actor.acts_for(achievement.organization_id),
        Party.STAFF: actor.manages_region(achievement.region_code),
    }
    return {party for party, is_held in held.items() if is_held}


def may_read(actor: Actor, achievement: Achievement) -> bool:
    """Published ones are open to everyone signed in, others to those who manage them."""
    is_open = achievement.state is AchievementState.PUBLISHED
    return is_open or bool(parties_of(actor, achievement))


def readable(actor: Actor) -> ColumnElement[bool]:
    """The same rule as `may_read`, in SQL."""
    published = Achievement.state == AchievementState.PUBLISHED
    own = Achievement.organization_id.in_(actor.organization_ids)
    if not actor.is_staff:
        return or_(published, own)
    return or_(published, own, in_jurisdiction(Achievement.region_code, actor.jurisdiction))


def allowed_actions(actor: Actor, achievement: Achievement) -> list[str]:
    """What the actor may do with this achievement now."""
    parties = parties_of(actor, achievement)
    actions = ["update"] if achievement.state in editable_states(parties) else []
    return actions + possible_verbs(TRANSITIONS, achievement.state, parties)
