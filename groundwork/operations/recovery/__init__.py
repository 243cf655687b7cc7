"""What is done when something is lost."""
