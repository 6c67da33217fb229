"""Postgres: Tortoise models, and rows in and out of them in sets. Whoever calls owns the transaction."""
