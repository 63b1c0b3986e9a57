"""What every area stands on; imports the standard library only."""
