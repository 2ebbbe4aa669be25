"""Where the catalog's facts come from: one module a source, each fetching a document and reading it."""
