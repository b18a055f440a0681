"""One module per part of a host: a bundle in, findings out; pure functions, no I/O."""
