"""Which keys the stored values may need."""

from datetime import datetime

from sqlalchemy import String, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base
from app.encryption.keys import KEY_ID_LENGTH


class EncryptionKey(Base):
    """A key that some process has sealed with; the key itself is never in the database."""

    __tablename__ = "encryption_keys"

    key_id: Mapped[str] = mapped_column(String(KEY_ID_LENGTH), primary_key=True)
    first_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
