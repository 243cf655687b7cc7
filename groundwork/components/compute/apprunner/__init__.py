"""App Runner, part by part."""
