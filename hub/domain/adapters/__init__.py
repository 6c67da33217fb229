"""Vendors' messages in; what they mean as wishes out. Pure: one file per vendor, each a table of types to functions."""
