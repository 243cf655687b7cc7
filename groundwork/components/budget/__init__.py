"""What a stack file may say of the budget, what is built of it and what watches it."""
