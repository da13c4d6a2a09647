# A thin face over bootstrap.py, which does the same on Windows: py bootstrap.py run|test|setup
PYTHON ?= python3

.PHONY: run test setup docs

run:
	@$(PYTHON) bootstrap.py run $(ARGS)

test:
	@$(PYTHON) bootstrap.py test $(ARGS)

setup:
	@$(PYTHON) bootstrap.py setup

docs:
	@$(PYTHON) -m instrument.docs
