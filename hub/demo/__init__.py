"""What a demo needs: a pharmacy with a small catalogue of real products, and an operator's key."""
