"""Many runs by one command: a process for each, so that one that dies takes no other with it."""
