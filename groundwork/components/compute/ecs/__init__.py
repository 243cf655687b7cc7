"""ECS: what Fargate and EC2 capacity have in common."""
