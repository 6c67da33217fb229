"""`./run bench`: the hub and its references, measured in the same run on the same machine; out come ratios."""
