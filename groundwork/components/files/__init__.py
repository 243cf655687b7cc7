"""File systems that services share."""
