"""Text for people in both of the service's languages, chosen by Accept-Language."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Request


class Text(NamedTuple):
    """One sentence, Chinese first."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        return self.en if language == "en" else self.zh

    @property
    def in_both(self) -> str:
        """One line for a terminal, whose language nobody knows."""
        return f"{self.zh} · {self.en}"

    def format(self, **values: object) -> "Text":
        """Fill the same named places in both languages."""
        return Text(self.zh.format(**values), self.en.format(**values))


def preferred_language(accept_language: str) -> str:
    """The service's language that the header weighs highest; Chinese where it names neither.

    >>> preferred_language("fr, en;q=0.8, zh;q=0.5")
    'en'
    """
    weights = {"zh": 0.0, "en": 0.0}
    for part in accept_language.split(","):
        tag, _, quality = "".join(part.lower().split()).partition(";q=")
        primary = tag.split("-")[0]
        if primary in weights:
            weights[primary] = max(weights[primary], _quality(quality))
    return "en" if weights["en"] > weights["zh"] else "zh-CN"


def language_of(request: Request) -> str:
    """The language in which the caller reads."""
    return preferred_language(request.headers.get("accept-language", ""))


async def get_language(request: Request) -> str:
    return language_of(request)


LanguageDep = Annotated[str, Depends(get_language)]


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
