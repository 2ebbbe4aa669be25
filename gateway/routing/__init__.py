"""From a model name to an answer: resolve the name, order the targets, try them."""
