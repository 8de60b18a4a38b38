"""Rows into the records of their domains, each created, renewed, left alone or refused."""
