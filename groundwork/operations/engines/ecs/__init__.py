"""Services and jobs on ECS, on Fargate and on instances."""
