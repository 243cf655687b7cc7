"""Finding out what a backup is worth: restored beside what it is of, looked at, measured, and removed again."""
