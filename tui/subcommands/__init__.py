"""One module per group of subcommands; each function takes the parsed arguments and returns the exit code."""
