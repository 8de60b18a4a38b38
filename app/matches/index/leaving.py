"""Whose texts may leave this machine: decided here alone, for encoder and reranker alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.experts import repository as experts
from app.experts.models import Expert
from app.matches.models import Pool
from app.queries import batches
from app.settings import EncoderKind, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """The texts of experts go to services outside only by their consent; all else may go.

    needs_consent: False where those services are one's own. encodes_outside: whether the encoder
    is one of them; a reranker always is.
    """

    needs_consent: bool
    encodes_outside: bool

    @classmethod
    def of(cls, settings: Settings) -> "Leaving":
        return cls(
            needs_consent=settings.encoder_needs_consent,
            encodes_outside=settings.encoder is EncoderKind.REMOTE,
        )

    def allows(self, expert: Expert) -> bool:
        """Whether the texts of an expert who asks may go out."""
        return not self.needs_consent or expert.is_external_encoding_allowed

    def limits_encoding(self, pool: Pool) -> bool:
        """Whether a pool is encoded only as far as its records consent."""
        return self.encodes_outside and self._limits(pool)

    async def encodable(
        self, session: AsyncSession, pool: Pool, ids: Sequence[UUID]
    ) -> Sequence[UUID]:
        """Those of a pool's records whose texts the encoder may have."""
        return await self.allowed(session, pool, ids) if self.encodes_outside else ids

    async def allowed(
        self, session: AsyncSession, pool: Pool, ids: Sequence[UUID]
    ) -> Sequence[UUID]:
        """Those of a pool's records whose texts may go out, in the same order."""
        if not self._limits(pool):
            return ids
        found: set[UUID] = set()
        for batch in batches(ids):
            found |= set(await experts.encodable(session, batch))
        return [one for one in ids if one in found]

    def _limits(self, pool: Pool) -> bool:
        return self.needs_consent and pool is Pool.EXPERTS
