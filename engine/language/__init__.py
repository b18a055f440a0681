"""What words mean: the tier, names, pronouns, questions, orders, steering."""
