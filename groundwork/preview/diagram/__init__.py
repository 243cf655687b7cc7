"""A stack as a picture: what runs and keeps data, where it stands, and who speaks to whom."""
