"""The benchmark suite: every speed that we claim is measured here, on the reader's own machine."""
