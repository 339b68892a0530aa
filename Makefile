# SPDX-License-Identifier: Apache-2.0
# `make demo` and `make test` need nothing before them: each makes .venv by itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq
FOLDERS := core lang compiler runtime grammar stdlib docs

.DEFAULT_GOAL := help
.PHONY: help demo test quick lint types clean

help:
	@echo "make demo   install, compile the example tagger, score jets it was not trained on"
	@echo "make test   run all tests"
	@echo "make quick  run the tests that your change needs, in a minute"
	@echo "make lint   ruff, repository review"
	@echo "make types  mypy --strict"
	@echo "make clean  remove .venv, build and out"

demo: $(VENV)/run.stamp
	@$(BIN)/python examples/demo.py

test: $(VENV)/test.stamp
	@$(BIN)/python -m pytest -q -n 2

quick: $(VENV)/test.stamp
	@$(BIN)/python -m tests.quick

lint: $(VENV)/lint.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/repo-review . --show errskip

types: $(VENV)/lint.stamp $(VENV)/test.stamp
	@rm -rf build/typed && mkdir -p build/typed/hepq && ln -sfn $(CURDIR)/hepq/* $(FOLDERS:%=$(CURDIR)/%) build/typed/hepq/
	@$(BIN)/mypy -p hepq
	@$(BIN)/mypy benchmarks examples tests

clean:
	rm -rf $(VENV) build out

$(VENV)/run.stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("hepq needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@echo "installing hepq into $(VENV) (about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade "pip>=25.1"
	@$(PIP) --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	@echo "installing the test tools ..."
	@$(PIP) --group test
	@$(PIP) --no-deps "weaver-core==0.5.3"
	@touch $@

$(VENV)/lint.stamp: $(VENV)/run.stamp
	@echo "installing the lint tools ..."
	@$(PIP) --group lint
	@touch $@
