"""What a stack file may say of trees of Parameter Store, what is built of it and what watches it."""
