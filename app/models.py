"""Every domain's tables on one metadata, for the migrations."""

from app.accounts import models as accounts
from app.achievements import models as achievements
from app.bulk import models as bulk
from app.changes import models as changes
from app.database import Base
from app.demands import models as demands
from app.experts import models as experts
from app.matches import models as matches
from app.organizations import models as organizations
from app.reference import models as reference

DOMAINS = (
    reference,
    changes,
    accounts,
    organizations,
    experts,
    achievements,
    demands,
    matches,
    bulk,
)
ALL_TABLES = Base.metadata
