"""The `k8sagent` command: the entry point, its parser, and one module for each group of subcommands."""
