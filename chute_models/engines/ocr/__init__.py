"""A small server that reads the text of page images with rapidocr, on the CPU."""
