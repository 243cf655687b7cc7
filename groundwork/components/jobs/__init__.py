"""What a stack file may say of jobs, whichever engine runs them: a container that runs to its end."""
