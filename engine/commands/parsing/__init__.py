"""Text to argv and flags, without a shell."""
