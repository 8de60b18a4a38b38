"""The fictional pool: its files, one a kind, and what loads them."""
