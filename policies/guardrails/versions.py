"""The version of the pack, the same as in ``PulumiPolicy.yaml``, which is the one that publishing reads."""

VERSION = "0.2.0"
