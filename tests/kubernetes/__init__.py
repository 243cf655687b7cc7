"""A real kube-apiserver as a judge of what EKS stacks put into their cluster (``make verify-kubernetes``)."""
