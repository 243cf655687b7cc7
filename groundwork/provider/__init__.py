"""The platform as a component for programs in TypeScript, Go, C#, Java and YAML: a Pulumi package with the one resource ``Platform``."""
