"""The network that hears and is dreamed: its shape, where weights come from, what a model folder says."""
