"""Screens of the console that are more than a list, a page or a form of one model."""

from gateway.admin.screens import explained

__all__ = ["explained"]  # its panels are there once it is imported
