"""Pharmacies, inventory, sales and orders as one Django application."""
