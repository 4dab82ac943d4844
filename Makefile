# make repro   set up what the pipeline needs, run it, print the table
# make test    set up every extra, lint, type-check, test
# make learn FOLDER=folder  set up, then from a folder with one sub-folder per class to a classifier
# make ui      print the links to what the pipeline logged, and start the MLflow UI
# make bench   measure speed, memory, recall, stability and reliability; on your clips: make bench AUDIO=folder
# make docs    build the documentation, strictly, as a site in site/
# make rooms   print the rooms of the sources, by floor, with what each imports
# make lock    resolve requirements.lock (the core) and requirements-dev.lock (all) again from pyproject.toml

PYTHON ?= python3
VENV ?= .venv
export PATH := $(abspath $(VENV))/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE # hundreds of processes would compile the same sources
CORE := $(VENV)/.regenre-is-set-up
ALL := $(VENV)/.extras-are-set-up

.PHONY: repro test learn ui docs rooms lock bench

repro: $(CORE)
	@grep -qsF '"$(or $(MLFLOW_TRACKING_URI),mlflow.db)"' data/tracked/*.json || rm -f data/tracked/*.json # log there too
	dvc repro
	@cat reports/summary.md

test: $(ALL)
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	pytest -n logical --dist loadscope --no-loadscope-reorder

learn: $(CORE)
	regenre learn "$(FOLDER)"

bench: $(ALL)
	-python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/peers.txt
	python benchmarks/extraction.py $(if $(AUDIO),--audio "$(AUDIO)")
	python benchmarks/fingerprint.py --clips 100 $(if $(AUDIO),--audio "$(AUDIO)")
	python benchmarks/length_and_rate.py $(if $(AUDIO),--audio "$(AUDIO)")
	python benchmarks/deformations.py $(if $(AUDIO),--audio "$(AUDIO)")
	python benchmarks/networks.py $(if $(AUDIO),--audio "$(AUDIO)")
	python benchmarks/reliability.py
	python benchmarks/scale.py
	python benchmarks/tracking.py
	python benchmarks/classification.py $(if $(AUDIO),--audio "$(AUDIO)") || test $$? -eq 3 # 3: there is no model yet

ui: $(CORE)
	@python -m regenre.reporting.tracking
	mlflow ui --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}"

docs: $(ALL)
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

rooms: $(ALL)
	python tools/rooms.py

RESOLVE = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	--quiet

lock: $(ALL)
	$(RESOLVE) --extra dev --upgrade --output-file requirements-dev.lock
	$(RESOLVE) --constraints requirements-dev.lock --upgrade --output-file requirements.lock

define INSTALL
	python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r $<
	-@python -m compileall -q -j 0 $(VENV)/lib >/dev/null # on all cores, pip has one; some files are templates and fail
endef

$(CORE): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "regenre: Python 3.11 or newer expected, %s found; make PYTHON=python3.12" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL)
	python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(ALL): requirements-dev.lock $(CORE)
	$(INSTALL)
	@touch $@
