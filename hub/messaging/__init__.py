"""The broker's room: connections, topology, confirmed publishing, replies and notices.

Bytes and routing keys come in; what comes out is a broker's confirm or `hub.faults.Unavailable`. Nothing here knows
what a command means, and nothing outside it publishes.
"""
