"""What a kubectl or oc call does and which objects it touches."""
