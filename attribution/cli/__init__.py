"""The command line: parse, call, print, exit code; one file for the commands that belong together."""
