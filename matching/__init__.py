"""Expert finding for technical demands: candidates ranked for a query, with reasons that add up.

>>> from matching import Candidate, Document, MatchIndex, Query, match
>>> def expert(name, text):
...     return Candidate(candidate_id=name, documents=(
...         Document(document_id=f"{name}-1", kind="profile", text=text),))
>>> index = MatchIndex.fit([expert("李", "耐火材料；高温窑炉"), expert("王", "茶叶加工；茶园害虫")])
>>> best = match(Query(title="超高温隔热耐火材料的研制"), index).matches[0]
>>> best.candidate_id, best.terms
('李', ('耐火材料', '高温'))
>>> abs(best.score - sum(c.value for c in best.contributions)) < 1e-6
True

With `LocalEncoder()` handed to `MatchIndex.fit` and to `match`, texts are compared by meaning too.
Nothing here knows HTTP, SQL or how to reach anybody.
"""

from matching.confidence import Calibration, Confidence, Ranker, default_calibration
from matching.embeddings import Encoder, LocalEncoder, text_key
from matching.features import PRIOR_QUERIES
from matching.fitting import Steps, centring_queries, fit_model
from matching.index import MatchIndex
from matching.kernels import warm_up
from matching.matcher import WeightsFor, match
from matching.model import LATENT, IndexModel
from matching.reranking import RERANKING, reranked
from matching.scoring import score
from matching.types import (
    Candidate,
    Concept,
    Constraints,
    Contribution,
    Document,
    Evidence,
    Exclusion,
    Facts,
    Grade,
    Limits,
    Match,
    Objection,
    Preferences,
    Query,
    Ranking,
)
from matching.weights import DEFAULT_WEIGHTS, Weights

__all__ = [
    "DEFAULT_WEIGHTS",
    "LATENT",
    "PRIOR_QUERIES",
    "RERANKING",
    "Calibration",
    "Candidate",
    "Concept",
    "Confidence",
    "Constraints",
    "Contribution",
    "Document",
    "Encoder",
    "Evidence",
    "Exclusion",
    "Facts",
    "Grade",
    "IndexModel",
    "Limits",
    "LocalEncoder",
    "Match",
    "MatchIndex",
    "Objection",
    "Preferences",
    "Query",
    "Ranker",
    "Ranking",
    "Steps",
    "Weights",
    "WeightsFor",
    "centring_queries",
    "default_calibration",
    "fit_model",
    "match",
    "reranked",
    "score",
    "text_key",
    "warm_up",
]
