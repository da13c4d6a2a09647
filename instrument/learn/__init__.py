"""Training, evaluation and teaching: everything that changes or judges weights."""
