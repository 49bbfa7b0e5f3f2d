"""`python -m convstream`."""

from convstream.cli import main

main()
