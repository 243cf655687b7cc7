"""Verdicts for other programs: SARIF for code scanning, JUnit for build servers, JSON for everything else."""
