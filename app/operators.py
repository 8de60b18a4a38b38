"""What goes wrong for whoever runs the service, rather than for whoever sends a request."""

from app.interface.language import Text


class OperatorError(Exception):
    """A failure that an operator can mend: `text` says what it is and what to do.

    details: what is in one language only, as the last lines of a log.
    """

    def __init__(self, zh: str, en: str, details: str = "") -> None:
        super().__init__(zh, en, details)
        self.text = Text(zh, en)
        self.details = details

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.text.in_both, self.details)))
