"""A recorded cluster that kubectl can read and change: an overlay in memory, its API server and its controllers."""
