"""The wire format of the OpenAI API and its neighbours: parsing and rendering, no I/O."""
