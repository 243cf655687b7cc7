"""One ComponentResource for each layer of a platform, and :class:`Platform`, which builds those that a stack file names."""
