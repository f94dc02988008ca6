"""`python -m swictation` is the command `swictation`."""

from swictation.cli.main import main

if __name__ == "__main__":
    main()
