"""What each command of the command line does, a noun a file."""
