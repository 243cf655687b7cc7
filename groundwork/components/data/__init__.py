"""RDS for PostgreSQL, primary, replicas, proxy, archive: what a stack file may say of it, what is built and what watches it."""
