"""What a stack has beyond Groundwork's own layers: resources of ``extensions.py``, a Python file beside the stack file."""
