"""What IAM knows: every service's actions, resources and condition keys, and what can be done with them."""
