"""Sound in, kept until its text has arrived: sources, framer, journal, spool."""
