"""The face: layer files, the command line and its reports."""
