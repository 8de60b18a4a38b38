"""What is compared: a matcher with its settings, or plain TF-IDF.

A configuration is written as settings, `encoder=none lexical=3 damping=off`; what is not said is as
the service has it. Some have names.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from app.evaluation.views import VIEWS
from app.operators import OperatorError
from matching import Steps, Weights

NAMED = {
    "default": "",
    "without-encoder": "encoder=none",
    "lexical": "topic=0 passage=0 hubness=0",
    "topic": "lexical=0 passage=0 hubness=0",
    "passage": "lexical=0 topic=0 hubness=0",
    "bigrams": "encoder=bigrams",
}
WEIGHTS = ("lexical", "topic", "passage", "hubness", "decay")
STEPS = ("centring", "damping", "hubs")
# What of the cases is read: the demand's title twice, its description, the expert's evidence, and
# what is said of honours and offices.
READ = ("title", "description", "evidence", "honours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """`encoder` "bigrams" is no matcher: scikit-learn's TF-IDF of character bigrams.

    `view` puts another lexical view in the place of the matcher's own; `unread` names what of
    `READ` is left out; `is_foreign` asks in traditional script and full width.
    """

    name: str
    encoder: Literal["local", "none", "bigrams"] = "local"
    weights: Weights = field(default_factory=Weights)
    steps: Steps = field(default_factory=Steps)
    unread: frozenset[str] = frozenset()
    is_foreign: bool = False
    view: str = ""


class UnknownSetting(OperatorError):
    """A configuration says something that is no setting of the matcher."""


def configuration(text: str) -> Configuration:
    """Read a name or settings; raises UnknownSetting, which names the word."""
    found = Configuration(name=text or "default")
    for word in NAMED.get(text, text).split():
        found = _with(found, word)
    return found


def _with(found: Configuration, word: str) -> Configuration:
    name, _, value = word.partition("=")
    if name == "encoder" and value in ("local", "none", "bigrams"):
        return replace(found, encoder=value)  # type: ignore[arg-type]  # one of the three
    if name in STEPS and value == "off":
        return replace(found, steps=replace(found.steps, **{name: False}))
    if name in READ and value == "off":
        return replace(found, unread=found.unread | {name})
    if word == "script=traditional":
        return replace(found, is_foreign=True)
    if name == "view" and value in VIEWS:
        return replace(found, view=value)
    if name in WEIGHTS:
        try:
            return replace(found, weights=replace(found.weights, **{name: float(value)}))
        except ValueError:
            pass
    known = [
        *NAMED,
        "encoder=local|none",
        *(f"{name}=off" for name in (*STEPS, *READ)),
        "script=traditional",
        f"view={'|'.join(VIEWS)}",
        *(f"{weight}=NUMBER" for weight in WEIGHTS),
    ]
    raise UnknownSetting(
        f"没有这样的配置 {word}；可用：{'、'.join(known)}",
        f"there is no setting {word}; known: {', '.join(known)}",
    )
