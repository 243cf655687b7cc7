"""What a stack file may say of the cache, what is built of it and what watches it."""
