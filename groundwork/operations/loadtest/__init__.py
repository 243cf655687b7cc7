"""Load tests with k6: against the stack's own names, with the load that its file tells, held against what a simulation said."""
