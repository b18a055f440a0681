"""Decides and acts: what to look at, what it means, what may run, and what to answer. It knows no screen.

Its facade is `engine.agent.agent.Agent`; what happens is learnt from the events of `engine.core.events` alone. Nothing here imports
textual or rich; kubernetes, ollama and whoosh are imported when first needed.
"""

__version__ = "0.1.0"
