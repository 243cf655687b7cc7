"""What differs between a stack's account and its program, and who changed it."""
