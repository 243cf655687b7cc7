"""How a stack is: what runs, what does not and why, and what to do next."""
