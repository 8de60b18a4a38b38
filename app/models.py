"""Every domain's tables: with this module loaded, `Base.metadata` is the whole schema.

Nothing is read from here: to load it is enough.
"""

import app.accounts.models
import app.achievements.models
import app.audit.models
import app.bulk.models
import app.campaigns.models
import app.cases.models
import app.changes.models
import app.corps.models
import app.demands.models
import app.dockings.agreements.models
import app.dockings.attachments.models
import app.dockings.batches.models
import app.dockings.log.models
import app.dockings.models
import app.dockings.ratings.models
import app.dockings.services.models
import app.encryption.models
import app.experts.models
import app.interface.models
import app.matches.models
import app.notices.models
import app.organizations.models
import app.pools.models
import app.problems.models
import app.progress.models
import app.questions.models
import app.reference.models
import app.teams.models
import app.webhooks.models  # noqa: F401
