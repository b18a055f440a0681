"""A plain question to a read command and a computed sentence."""
