"""How a stack file becomes effective settings: read, merge, validate; what layers may say stands in their components' folders."""
