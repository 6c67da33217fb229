"""The history check: clients write down what they say and are told, a nemesis breaks the hub, and a checker compares."""
