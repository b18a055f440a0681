"""Decides and acts: what to look at, what it means, what may run, and what to answer. It knows no screen.

The one door is `engine.agent.agent.Agent`; what happens is learnt from `engine.core.events` alone. Nothing here imports textual or rich;
kubernetes, ollama and whoosh are imported when first needed.
"""

__version__ = "0.1.0"
