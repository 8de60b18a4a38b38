"""Settings that are at fault: what is wrong with each, and what can be read without them."""

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from app.interface.language import Text
from app.interface.validation import field_errors
from app.processes.unknown_settings import place_of
from app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFault:
    """`shown`: the setting as it is written, with its value unless that is a secret."""

    name: str
    shown: str
    message: Text
    place: Text

    @property
    def line(self) -> str:
        """For people who read one line."""
        place = self.place.zh if self.place.zh == self.place.en else self.place.in_both
        told = self.message.in_both if not self.shown else f"{self.shown}: {self.message.in_both}"
        return f"{told} ({place})" if self.shown else told

    @property
    def text(self) -> Text:
        """Each language by itself."""
        if not self.shown:
            return self.message
        return Text(
            f"{self.shown}: {self.message.zh}（{self.place.zh}）",
            f"{self.shown}: {self.message.en} ({self.place.en})",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings:
    """The settings, with the default in the place of each that is at fault."""

    settings: Settings
    faults: tuple[SettingFault, ...] = ()


def read_settings() -> ReadSettings:
    """What can be read of the settings, whatever is wrong with the others."""
    faults, defaults = list[SettingFault](), dict[str, Any]()
    while True:
        try:
            return ReadSettings(settings=Settings(**defaults), faults=tuple(faults))
        except ValidationError as error:  # of single settings first, then of some together
            found = setting_faults(error)
        faults += found
        fields = Settings.model_fields
        defaults |= {fault.name: fields[fault.name].get_default() for fault in found}


def setting_faults(error: ValidationError) -> list[SettingFault]:
    return [_fault(details) for details in error.errors()]


def _fault(error: ErrorDetails) -> SettingFault:
    name, *rest = [str(part) for part in error["loc"]] or [""]
    if not name:  # of several together
        [told] = field_errors([{**error, "loc": ("query",)}])
        return SettingFault(
            name=error["ctx"]["setting"], shown="", message=told.message, place=Text("", "")
        )
    kind, shown = Settings.model_fields[name].annotation, name.upper()
    if isinstance(kind, type) and kind is not SecretStr and not rest:
        shown += f"={error['input']}"
    [told] = field_errors([{**error, "loc": ("query", shown, *rest)}])
    return SettingFault(name=name, shown=told.pointer, message=told.message, place=place_of(name))
