"""From text to a finished process: lexer, policy with its tables, approval, runner, audit, undo."""
