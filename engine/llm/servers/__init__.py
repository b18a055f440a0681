"""Ollama, OpenAI-compatible servers and embeddings; their event loop, time-outs and errors."""
