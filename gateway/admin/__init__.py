"""The console: in come clicks and forms of people, out go pages. It is a client of the API, in the same process.

Nothing here reads a table of the pharmacies' or decides a rule: every page asks the API's own routes with the visitor's
rights (`gateway.admin.inside`), so what the console can do and may do is what the API can and allows.
"""
