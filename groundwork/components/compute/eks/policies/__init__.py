"""What add-ons and controllers may do in AWS: exact actions, each bound to this cluster where AWS can tell."""
