"""What a stack file may say of buckets, what is built of it and what watches it."""
