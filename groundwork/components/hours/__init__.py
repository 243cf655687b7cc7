"""What a stack file may say of office hours, what is built of it and what watches it."""
