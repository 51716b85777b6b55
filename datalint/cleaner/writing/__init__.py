"""From the rows that are kept to the files of an output folder, and the proof that every row is in one."""
