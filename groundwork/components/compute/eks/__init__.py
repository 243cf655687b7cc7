"""The engine ``eks``: services as pods of a Kubernetes cluster."""
