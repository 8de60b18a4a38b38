"""Where the service writes: all of it under one folder."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

# The files under var_folder that keep the keys which were not given.
SECRET_KEY, ENCRYPTION_KEYS = "secret_key", "encryption_keys"


class Folders(BaseSettings):
    """The folder that an operator sets, and the places in it."""

    var_folder: Path = Field(default=Path("var"), description="everything the service writes")

    @property
    def postgres_folder(self) -> Path:
        return self.var_folder / "postgres"

    @property
    def indexes_folder(self) -> Path:
        return self.var_folder / "indexes"

    @property
    def metrics_folder(self) -> Path:
        return self.var_folder.absolute() / "metrics"

    @property
    def backups_folder(self) -> Path:
        return self.var_folder / "backups"

    @property
    def secret_key_file(self) -> Path:
        return self.var_folder / SECRET_KEY

    @property
    def encryption_keys_file(self) -> Path:
        return self.var_folder / ENCRYPTION_KEYS
