"""Threads, frames, standard error and the terminal."""
