"""The tests; what they import makes 400,000 objects that stay, as it does for the service."""

import gc

from app.processes.execution import OBJECTS_UNTIL_COLLECTION

gc.set_threshold(OBJECTS_UNTIL_COLLECTION)
