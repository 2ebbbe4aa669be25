"""Work that goes on when its caller no longer waits: taken over, watched, kept, told of."""
