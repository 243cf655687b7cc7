"""What is done to services and jobs that run, on each engine."""
