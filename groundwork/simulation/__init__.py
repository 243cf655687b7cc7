"""A day of a stack before it is lived: how long requests take and how many copies run, request by request or as a fluid."""
