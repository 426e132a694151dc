"""The Open Inference Protocol v2 over REST, with the binary tensor data extension: for programs, by API key."""
