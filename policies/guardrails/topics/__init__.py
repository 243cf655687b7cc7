"""The rules, by topic. ``catalogue.TOPICS`` lists the modules."""
