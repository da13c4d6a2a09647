"""What a test may ask for by name."""

import sys

import pytest

sys.modules.setdefault("triton", None)  # training brings it; its LLVM crashes where a test before has loaded Mesa's


@pytest.fixture
def few_noises(monkeypatch):
    """A training listens to a few noises of its own in the place of 240."""
    monkeypatch.setattr("instrument.learn.augment.NOISES", 2)
