"""What a stack file may say of how much the platform is used; nothing is built of it."""
