"""Where words come from: model servers behind one protocol, prompts as one template a task, and the token budget."""
