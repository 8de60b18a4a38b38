"""Which changes are told, to whom, in which words: the only place that says so.

Of what is not in the table nobody is told. Whoever did something is never told of it.
"""

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.interface.language import Text
from app.regions import COUNTRY, parent


class Audience(StrEnum):
    """In which part somebody is told."""

    EXPERT = "expert"  # whom it is about; of a docking from the first invitation on
    ENTERPRISE = "enterprise"  # the members of the organizations that it concerns
    STAFF = "staff"  # of the level that carries the demand
    OWNER = "owner"  # of the record, as the change names them: one of a domain after this


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """`text` says the title of demand, common problem or question where it has the place for it."""

    to: frozenset[Audience]
    text: Text


EXPERT = frozenset({Audience.EXPERT})
ENTERPRISE = frozenset({Audience.ENTERPRISE})
STAFF = frozenset({Audience.STAFF})
OWNER = frozenset({Audience.OWNER})
BOTH_SIDES = EXPERT | ENTERPRISE
ALL = BOTH_SIDES | STAFF


def _news(to: frozenset[Audience], zh: str, en: str) -> News:
    return News(to=to, text=Text(zh, en))


NEWS: Mapping[str, News] = {
    "demand.submitted": _news(
        ENTERPRISE | STAFF, "需求“{title}”已提交，等待审核", "“{title}” was submitted for review"
    ),
    "demand.formal_review": _news(
        ENTERPRISE, "需求“{title}”进入形式审查", "“{title}” is in formal review"
    ),
    "demand.department_review": _news(
        ENTERPRISE, "需求“{title}”进入部门审核", "“{title}” is in the department's review"
    ),
    "demand.returned": _news(
        ENTERPRISE, "需求“{title}”被退回，请修改后再提交", "“{title}” was returned to be amended"
    ),
    "demand.published": _news(ENTERPRISE, "需求“{title}”已公开", "“{title}” was published"),
    "demand.refused": _news(ENTERPRISE, "需求“{title}”未通过审核", "“{title}” was refused"),
    "demand.withdrawn": _news(ENTERPRISE | STAFF, "需求“{title}”已撤回", "“{title}” was withdrawn"),
    "demand.resolved": _news(ENTERPRISE | STAFF, "需求“{title}”已解决", "“{title}” is solved"),
    "demand.closed": _news(ENTERPRISE | STAFF, "需求“{title}”已关闭", "“{title}” was closed"),
    "demand.tracking": _news(
        ENTERPRISE, "需求“{title}”转入长期跟踪", "“{title}” is tracked until somebody solves it"
    ),
    "demand.submitted_up": _news(
        STAFF, "需求“{title}”已上报到您的层级", "“{title}” was submitted up to your level"
    ),
    "demand.dispatched": _news(
        STAFF, "需求“{title}”已下派到您的层级", "“{title}” was dispatched to your level"
    ),
    "match.recommended": _news(
        ENTERPRISE, "已为需求“{title}”推荐专家", "An expert was recommended for “{title}”"
    ),
    "match_review.requested": _news(
        EXPERT | STAFF,
        "有专家就需求“{title}”的匹配申请复核",
        "An expert asks for a review of the match with “{title}”",
    ),
    "match_review.answered": _news(
        EXPERT | STAFF,
        "需求“{title}”的匹配复核已答复",
        "The review of the match with “{title}” was answered",
    ),
    "docking.recommended": _news(
        ENTERPRISE, "需求“{title}”开始对接专家", "The docking of an expert with “{title}” has begun"
    ),
    "docking.invited": _news(
        BOTH_SIDES,
        "邀请对接需求“{title}”，请答复",
        "An invitation to dock with “{title}”: answer it",
    ),
    "docking.invitation_taken_back": _news(
        BOTH_SIDES,
        "需求“{title}”的对接邀请已收回，不必答复",
        "The invitation to dock with “{title}” was taken back: no answer is needed",
    ),
    "docking.invitation_accepted": _news(
        ALL, "需求“{title}”的对接邀请，一方已接受", "One side accepts to dock with “{title}”"
    ),
    "docking.contacted": _news(
        ALL, "需求“{title}”的对接双方已接受邀请", "Both sides accept to dock with “{title}”"
    ),
    "docking.visited": _news(
        ALL, "需求“{title}”的对接已完成现场调研", "The visit for “{title}” has taken place"
    ),
    "docking.negotiating": _news(
        ALL, "需求“{title}”的对接进入洽谈", "Negotiations on “{title}” have begun"
    ),
    "docking.intent": _news(
        ALL, "需求“{title}”的对接达成意向", "Both sides of “{title}” intend to work together"
    ),
    "docking.signed": _news(
        ALL, "需求“{title}”的对接已签约", "An agreement on “{title}” was signed"
    ),
    "docking.in_progress": _news(
        ALL, "需求“{title}”的合作已开始实施", "The work on “{title}” has begun"
    ),
    "docking.accepted": _news(
        ALL, "需求“{title}”的成果已验收", "The result for “{title}” was accepted"
    ),
    "docking.followed_up": _news(
        BOTH_SIDES, "需求“{title}”的对接已回访", "The docking for “{title}” was followed up"
    ),
    "docking.declined": _news(
        ALL, "需求“{title}”的对接被谢绝", "The docking for “{title}” was declined"
    ),
    "docking.expired": _news(
        ALL, "需求“{title}”的对接邀请已逾期", "The invitation to dock with “{title}” has expired"
    ),
    "docking.failed": _news(
        ALL, "需求“{title}”的对接已终止", "The docking for “{title}” came to nothing"
    ),
    "docking.confidentiality_accepted": _news(
        ENTERPRISE | STAFF,
        "专家已接受需求“{title}”的保密承诺",
        "The expert has accepted the terms of confidentiality of “{title}”",
    ),
    "docking.follow_up_made": _news(
        BOTH_SIDES, "需求“{title}”的对接已回访", "The docking for “{title}” was followed up"
    ),
    "docking.reminded": _news(
        ALL,
        "需求“{title}”的对接已到期限，请推进",
        "The next step of the docking for “{title}” is due",
    ),
    "docking.escalated": _news(
        ENTERPRISE | STAFF,
        "需求“{title}”的对接逾期，已上报上级",
        "The docking for “{title}” is overdue and went up a level",
    ),
    "docking.attached": _news(
        ALL, "需求“{title}”的对接有新附件", "A file was added to the docking for “{title}”"
    ),
    "docking.agreement_drafted": _news(
        ALL, "需求“{title}”的对接登记了协议", "An agreement was drafted for “{title}”"
    ),
    "docking.service_recorded": _news(
        ENTERPRISE,
        "需求“{title}”有服务记录，请确认",
        "A service for “{title}” waits to be confirmed",
    ),
    "docking.service_confirmed": _news(
        EXPERT | STAFF, "需求“{title}”的服务已确认", "A service for “{title}” was confirmed"
    ),
    "docking.service_disputed": _news(
        EXPERT | STAFF, "需求“{title}”的服务未获认可", "A service for “{title}” was disputed"
    ),
    "common_problem.confirmed": _news(
        ENTERPRISE,
        "贵单位的需求列入共性难题“{title}”",
        "A demand of yours is part of the common problem “{title}”",
    ),
    "common_problem.co_signed": _news(
        ENTERPRISE, "共性难题“{title}”已完成联署", "“{title}” was co-signed for the whole cost"
    ),
    "common_problem.published": _news(
        ENTERPRISE, "共性难题“{title}”已发布", "The common problem “{title}” was published"
    ),
    "common_problem.joint_work": _news(
        ENTERPRISE, "共性难题“{title}”开始联合攻关", "The joint work on “{title}” has begun"
    ),
    "common_problem.accepted": _news(
        ENTERPRISE,
        "共性难题“{title}”已验收",
        "What came of the joint work on “{title}” was accepted",
    ),
    "common_problem.ended": _news(
        ENTERPRISE, "共性难题“{title}”已终止", "The joint work on “{title}” came to nothing"
    ),
    "consultation.requested": _news(
        EXPERT,
        "请您就“{title}”提出咨询意见",
        "Your opinion is asked for on “{title}”",
    ),
    "consultation.submitted": _news(
        STAFF, "专家已就“{title}”提交意见", "An expert has given an opinion on “{title}”"
    ),
    "question.accepted": _news(
        ENTERPRISE, "贵单位提出的“{title}”已受理", "Your question “{title}” was accepted"
    ),
    "question.reported": _news(
        ENTERPRISE, "“{title}”的咨询报告已报送", "The report on “{title}” was handed in"
    ),
    "question.adopted": _news(
        ENTERPRISE, "“{title}”的咨询报告已采纳", "The report on “{title}” was adopted"
    ),
    "question.declined": _news(
        ENTERPRISE, "贵单位提出的“{title}”未获受理或采纳", "Your question “{title}” was declined"
    ),
    "expert.draft": _news(
        EXPERT, "您的专家档案被退回，请修改后再提交", "Your profile was returned to be amended"
    ),
    "expert.submitted": _news(EXPERT, "您的专家档案已提交", "Your profile was submitted"),
    "expert.organization_review": _news(
        EXPERT, "您的专家档案进入单位审核", "Your profile is in your organization's review"
    ),
    "expert.recommended": _news(
        EXPERT, "您的专家档案已获单位推荐", "Your organization recommends your profile"
    ),
    "expert.in_pool": _news(EXPERT, "您的专家档案已入库", "Your profile is in the pool"),
    "expert.suspended": _news(EXPERT, "您的专家档案已暂停", "Your profile was suspended"),
    "expert.removed": _news(EXPERT, "您的专家档案已出库", "Your profile was removed"),
    "match_digest.told": _news(
        OWNER,
        "您所管需求的常态匹配有新的专家，请查看",
        "There are new experts for the demands of your regions",
    ),
    "webhook.disabled": _news(
        OWNER,
        "您的一个事件推送因持续失败已停用，请检查后重新启用",
        "A webhook of yours only failed and was disabled: look at it, and enable it again",
    ),
}


def record_of(kind: str) -> str:
    """The first word of a kind.

    >>> record_of("demand.published")
    'demand'
    """
    return kind.partition(".")[0]


RECORDS = tuple(dict.fromkeys(map(record_of, NEWS)))  # which the follower reads

UNSEEN = Text("（已不可见）", "(no longer visible to you)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """Whom one record concerns, by what is known of it now."""

    expert_account_id: UUID | None = None
    organization_ids: frozenset[UUID] = frozenset()
    region_code: str | None = None
    owner_id: UUID | None = None
    titled_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Accounts by the organization that they act for, and staff by their very region."""

    members: Mapping[UUID, Collection[UUID]]
    staff: Mapping[str, Collection[UUID]]


def recipients(
    news: News, concerned: Concerned, people: People, actor_id: UUID | None
) -> Set[UUID]:
    """The accounts that are told."""
    found: dict[Audience, Collection[UUID | None]] = {
        Audience.EXPERT: [concerned.expert_account_id],
        Audience.ENTERPRISE: [
            account_id
            for organization_id in concerned.organization_ids
            for account_id in people.members.get(organization_id, ())
        ],
        Audience.STAFF: _carriers(concerned.region_code, people.staff),
        Audience.OWNER: [concerned.owner_id],
    }
    told = {account_id for audience in news.to for account_id in found[audience]}
    return {account_id for account_id in told if account_id not in (None, actor_id)}


def levels_from(region_code: str | None) -> list[str]:
    """The region and all above it, the lowest first; none where there is no region.

    >>> levels_from("330782")
    ['330782', '330700', '330000', '000000']
    """
    levels = [] if region_code is None else [region_code]
    while levels and levels[-1] != COUNTRY:
        levels.append(parent(levels[-1]))
    return levels


def _carriers(region_code: str | None, staff: Mapping[str, Collection[UUID]]) -> Collection[UUID]:
    """The staff of the level that carries it or, where it has none, of the next one above."""
    return next((staff[code] for code in levels_from(region_code) if staff.get(code)), ())


def said(kind: str, title: str | None) -> Text:
    """The notice in words; title: as its reader may see it, None where they may not."""
    text, shown = NEWS[kind].text, UNSEEN if title is None else Text(title, title)
    return Text(text.zh.format(title=shown.zh), text.en.format(title=shown.en))
