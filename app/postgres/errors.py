"""What an operator has to mend before the service can use its PostgreSQL."""

from app.operators import OperatorError


class EmbeddedServerError(OperatorError):
    """The embedded server cannot run."""


class RoleError(OperatorError):
    """The login of DATABASE_URL may do too little, or too much."""
