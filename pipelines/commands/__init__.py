"""The command line's rooms: options that several commands share, groups of commands, and what the doctor says.

Belongs here: typing, printing and exit codes. Not here: doing the work.
"""
