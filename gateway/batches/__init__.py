"""Many requests handed over in one file: checked, asked one after another in the background, answered in files."""
