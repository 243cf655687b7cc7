"""What a stack file may say of services, whichever engine runs them, what is built of it and what watches it."""
