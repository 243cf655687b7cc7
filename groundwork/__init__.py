"""One short stack file becomes a complete, secure AWS platform."""
