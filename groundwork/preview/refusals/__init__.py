"""What AWS would refuse although it is typed as it should be: forms, words and lengths of inputs, and quotas."""
