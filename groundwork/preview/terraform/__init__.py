"""The real AWS provider as a judge: a snapshot exported as Terraform JSON, and verified with Terraform offline."""
