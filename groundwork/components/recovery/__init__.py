"""Copies of what the platform keeps, elsewhere."""
