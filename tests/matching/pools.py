"""Small pools and an encoder of meaning made of characters, for tests that need no real one."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from matching.types import Candidate, Document, Facts, Grade, Query

FIELDS = {
    "耐火": "高温窑炉用隔热耐火材料；碳复合耐火材料；耐火材料与钢的相互作用",
    "茶": "茶叶加工与审评；茶园病虫害绿色防控；茶多酚提取",
    "芯片": "模拟集成电路设计；脑机接口芯片与系统；low power CMOS circuits",
    "电池": "钠离子电池电极材料；宽温阻燃电解液；固态电池界面",
    "视觉": "机器视觉与工业缺陷检测；红外与可见光图像融合；deep learning",
}
DEMAND = Query(
    title="超高温隔热耐火材料的研制",
    problem="窑炉内衬寿命短，需要碳复合耐火材料配方",
    keywords=("耐火材料", "红外图像融合"),
)


class CharacterEncoder:
    """Sums a fixed random vector for every character; queries get a direction of their own."""

    name = "characters"
    dimensions = 24

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([self._sum(text) for text in texts], dtype=np.float32).reshape(-1, 24)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.encode_documents(texts) + np.float32(0.5)

    def _sum(self, text: str) -> NDArray[np.float32]:
        return sum(map(_vector, text.lower()), start=np.ones(24, dtype=np.float32))


def _vector(character: str) -> NDArray[np.float32]:
    seed = int.from_bytes(blake2b(character.encode(), digest_size=4).digest(), "little")
    return np.random.default_rng(seed).standard_normal(24).astype(np.float32)


def candidate(name: str, *texts: str, facts: Facts | None = None) -> Candidate:
    """A candidate whose first text is the statement, the others publications with rising grades."""
    grades = list(Grade)
    return Candidate(
        candidate_id=name,
        documents=tuple(
            Document(
                document_id=f"{name}/{place}",
                kind="publication" if place else "profile",
                text=text,
                grade=grades[min(place, 2)],
            )
            for place, text in enumerate(texts)
        ),
        facts=facts or Facts(),
    )


def experts() -> list[Candidate]:
    """One expert a field, and a publication for two of them."""
    pool = [candidate(name, text) for name, text in FIELDS.items()]
    pool[0] = candidate("耐火", FIELDS["耐火"], "隔热耐火砖的制备与窑炉应用")
    pool[4] = candidate("视觉", FIELDS["视觉"], "红外图像融合算法", "耐火砖表面缺陷检测")
    return pool
