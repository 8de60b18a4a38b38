"""Consent per purpose: an expert allows or refuses, and what follows from it.

The latest declaration about a purpose is in force. Without one, a profile is matched on another
legal ground (the expert entered it, or their employer recommended them: 个人信息保护法 art. 13),
and no text of it goes to an external encoder or reranker (art. 23: another processor needs separate
consent).
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.experts import operations, repository
from app.experts.access import is_own, may_read_in_full
from app.experts.models import (
    Consent,
    ConsentPurpose,
    ConsentSource,
    Expert,
    ExpertState,
)
from app.experts.schemas import ConsentBody, ConsentDeclaration, ConsentQuery, PurposeBody
from app.interface.errors import invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.jobs import defer_unless_waiting
from app.organizations.actors import Actor

TEXT_VERSION = "2026-11-26.2"  # a changed text gets a new one: what was agreed to is what was read
TEXTS = {
    ConsentPurpose.MATCHING: Text(
        "同意将本人的专业资料用于企业技术需求的匹配和推荐；撤回后暂停匹配，已有记录保留。",
        "My professional profile may be matched to enterprises' demands. If I withdraw this, "
        "matching stops and past records stay.",
    ),
    ConsentPurpose.EXTERNAL_ENCODING: Text(
        "同意将本人的专业资料文本（不含姓名与联系方式）发送给其他机构运行的人工智能服务，"
        "由其比较文本含义、调整排序，用于提高匹配准确度。",
        "The texts of my profile, without name and contacts, may be sent to an artificial "
        "intelligence service that others run; it compares what texts mean and orders "
        "candidates, which makes matching more accurate.",
    ),
}
REFUSED = "本人不同意参与匹配推荐"


def purposes() -> list[PurposeBody]:
    """Every purpose with its present text."""
    return [
        PurposeBody(purpose=purpose, text=text.zh, text_en=text.en, text_version=TEXT_VERSION)
        for purpose, text in TEXTS.items()
    ]


async def declare(
    session: AsyncSession, actor: Actor, expert_id: UUID, data: ConsentDeclaration
) -> ConsentBody:
    """Keep a declaration by the expert, or by staff who hold it in writing, and obey it."""
    expert = await operations.get_present(
        session, actor, expert_id, "declare-consent", may_touch=may_read_in_full
    )
    if data.text_version != TEXT_VERSION:
        raise invalid_field(
            "/text_version",
            "outdated_text",
            "告知文本已更新，请重新阅读",
            "The text has changed; read it again",
        )
    consent = Consent(
        expert_id=expert.id,
        purpose=data.purpose,
        is_given=data.is_given,
        source=ConsentSource.ONLINE if is_own(actor, expert) else ConsentSource.WRITTEN,
        text_version=data.text_version,
        declared_by_id=actor.account_id,
    )
    session.add(consent)
    await changes.append(
        session,
        "expert.consent_declared",
        expert.id,
        actor_id=actor.account_id,
        data={"purpose": data.purpose, "is_given": data.is_given},
    )
    await _obey(session, actor, expert, consent)
    return ConsentBody.of(consent)


async def search(
    pages: Pages, actor: Actor, expert_id: UUID, query: ConsentQuery
) -> Page[ConsentBody]:
    """All declarations, for the expert and the staff of the region."""
    await operations.get_in_full(pages.session, actor, expert_id)
    return await pages.read(
        repository.listed_consents(expert_id, query),
        query=query,
        columns={"created_at": Consent.created_at},
        show=ConsentBody.of,
    )


async def _obey(session: AsyncSession, actor: Actor, expert: Expert, consent: Consent) -> None:
    """Who refuses to be matched leaves the pool at once; who allows it again waits for staff."""
    if consent.purpose is ConsentPurpose.EXTERNAL_ENCODING:
        if expert.is_external_encoding_allowed and not consent.is_given:
            await defer_unless_waiting(session, "forget_external_vectors")
        expert.is_external_encoding_allowed = consent.is_given
        return
    expert.is_matching_refused = not consent.is_given
    if expert.is_matching_refused and expert.state is ExpertState.IN_POOL:
        await operations.enter(
            session,
            expert,
            ExpertState.SUSPENDED,
            REFUSED,
            verb="suspend",
            actor_id=actor.account_id,
        )
