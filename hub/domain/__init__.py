"""The rules, pure: a state and a command come in, an outcome goes out. No await, no clock, no chance."""
