"""Migrations of the reference."""
