"""Boxes that ask or choose."""
