"""TXT: what is damaged, hidden, left over or cut off in prompts and answers."""
