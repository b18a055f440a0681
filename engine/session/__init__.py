"""What a session keeps: transcript, conversation, cases, incidents."""
