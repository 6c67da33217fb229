"""Screens of the console that are more than a list, a page or a form of one model."""
