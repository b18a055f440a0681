"""What answers a question: one function for each want, from a Request and the cluster to a Reply."""
