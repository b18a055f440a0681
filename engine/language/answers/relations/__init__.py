"""How objects hang together: who may do what, who uses what, whether one reaches another."""
