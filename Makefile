# make repro   set up, run the pipeline, print the table
# make test    set up, lint, type-check, test
# make learn FOLDER=folder  set up, then from a folder with one sub-folder per class to a classifier
# make ui      print the links to what the pipeline logged, and start the MLflow UI
# make bench   measure speed, memory, recall, stability and reliability; on your clips: make bench AUDIO=folder
# make docs    build the documentation, strictly, as a site in site/
# make rooms   print the rooms of the sources, by floor, with what each imports
# make lock    resolve requirements.lock again from pyproject.toml

PYTHON ?= python3
VENV ?= .venv
export PATH := $(abspath $(VENV))/bin:$(PATH)
SETUP := $(VENV)/.regenre-is-set-up

.PHONY: repro test learn ui docs rooms lock bench

repro: $(SETUP)
	@grep -qsF '"$(or $(MLFLOW_TRACKING_URI),mlflow.db)"' data/tracked/*.json || rm -f data/tracked/*.json # log there too
	dvc repro
	@cat reports/summary.md

test: $(SETUP)
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	pytest -n logical --dist loadscope --no-loadscope-reorder

learn: $(SETUP)
	regenre learn "$(FOLDER)"

bench: $(SETUP)
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

ui: $(SETUP)
	@python -m regenre.reporting.tracking
	mlflow ui --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}"

docs: $(SETUP)
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

rooms: $(SETUP)
	python tools/rooms.py

lock: $(SETUP)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-emit-index-url --no-header --quiet --output-file requirements.lock

$(SETUP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "regenre: Python 3.11 or newer expected, %s found; make PYTHON=python3.12" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r requirements.lock
	-@python -m compileall -q -j 0 $(VENV)/lib >/dev/null # on all cores, pip has one; some files are templates and fail
	python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
