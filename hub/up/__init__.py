"""The runner behind `hub up`: in comes a data dir, out come private servers and the hub's processes, in order, and back."""
