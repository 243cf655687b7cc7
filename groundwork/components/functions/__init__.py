"""Functions: code that runs when something happens."""
