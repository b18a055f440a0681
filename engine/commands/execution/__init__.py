"""Running a judged command line: programs, processes, output."""
