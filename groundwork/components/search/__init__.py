"""What a stack file may say of full-text search, what is built of it and what watches it."""
