"""A drop-in provider, whole: an agent that says each line back; one line is one turn."""
