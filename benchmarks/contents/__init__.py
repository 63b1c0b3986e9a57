"""The parts of the content benchmark: corpora, tools, servers, and what is measured with them."""
