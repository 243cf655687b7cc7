"""Who reaches what over the network: one model of a stack, read by the rules of ``topics.reachability``."""
