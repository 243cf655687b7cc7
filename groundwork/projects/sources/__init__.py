"""Read what a product ran on before: a Compose file, a Procfile, fly.toml, render.yaml, Copilot manifests.

Each format has a module that reads it into an :class:`Application`; ``translation`` makes layers of that, the same way for all.
"""
