"""What an account needs once, before the first ``pulumi up`` by a pipeline: where state is kept, and who may do what."""
