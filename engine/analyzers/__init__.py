"""What is wrong, in the API's own words: one module per kind of resource, objects in, findings out, no I/O."""
