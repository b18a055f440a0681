"""What can be written without a model: kubectl by task, Python by task, manifests filled from the cluster's facts."""
