"""What a stack file may say of secrets and their rotation, what is built of it and what watches it."""
