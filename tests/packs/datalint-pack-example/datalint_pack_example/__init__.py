"""EXA: the rules of this pack, one module each."""
