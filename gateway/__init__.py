"""HTTP and WebSocket in: authenticates, checks the shape, publishes, answers. Decides no rule and writes no row."""
