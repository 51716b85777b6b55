"""How things lie in an output folder: tables, types, names, a file's own style, the manifest."""
