"""A Pulumi project of somebody's own on Groundwork: begun, and moved to another version."""
