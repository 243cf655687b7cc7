"""EC2: services as containers on instances, with nothing between."""
