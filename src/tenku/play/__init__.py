"""A game on this machine, streamed: display, sound, input, session, rate, recording."""
