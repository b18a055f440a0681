"""The verdict on a command line: tables, filters, host programs."""
