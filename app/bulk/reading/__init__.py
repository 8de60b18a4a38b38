"""A file into rows: each valid by the schema of its kind, or refused with its faults."""
