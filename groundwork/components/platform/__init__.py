"""What a stack file may say of the platform as a whole, what is built of it and what watches it."""
