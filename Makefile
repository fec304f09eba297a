# Each target takes a fresh machine to the end by itself: it makes .venv and installs the pinned requirements first.
# make demo    train figure 2 on embedded images and draw it (minutes on 2 cores)
# make test    run the tests
# make test-slurm  run sweeps on a real SLURM that it installs and starts here (root on Debian; a quarter of an hour)
# make test-report  open the report in a real browser and set its tables with pdflatex (installs both: root on Debian)
# make figures redraw the README's pictures from the committed records (installs requirements-analysis.txt alone: no torch)
# make report  put all that the committed records say on one page, report/report.html (likewise)
# make pages   write the tables of README and docs anew from the committed records
# make check   ruff and mypy
PYTHON ?= python3
BIN = .venv/bin
RUNS ?= runs

.PHONY: demo test test-slurm test-report figures report pages check clean
.DELETE_ON_ERROR:

test-report: .venv/installed
	$(BIN)/python -m pytest -m opened --durations=0 tests/opened

demo: .venv/installed
	$(BIN)/python -m experiments run fig2 --profile demo --out $(RUNS)
	$(BIN)/python -m analysis figures fig2 --runs $(RUNS) --out figures

test: .venv/installed
	$(BIN)/python -m pytest -n 2

test-slurm: .venv/installed
	$(BIN)/python -m pytest -m cluster --durations=0 tests/cluster

figures: .venv/analysis
	$(BIN)/python -m analysis figures --recorded --out pictures
	$(BIN)/python -m analysis figures --published fig2 --out pictures
	$(BIN)/python -m analysis statistics fig2 label_noise label_noise_batch_size label_noise_supp3 --recorded --out pictures > /dev/null
	$(BIN)/python -m analysis claims --recorded --out pictures > /dev/null

report: .venv/analysis
	$(BIN)/python -m analysis report --recorded --out report

pages: .venv/analysis
	$(BIN)/python -m analysis pages

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv runs figures report

# What is wrong with $(PYTHON), or nothing.
problem = $(shell \
	command -v $(PYTHON) > /dev/null 2>&1 || { echo "there is no $(PYTHON) here"; exit; }; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null \
		|| { echo "$$($(PYTHON) --version 2>&1) is too old"; exit; }; \
	$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null \
		|| echo "$(PYTHON) cannot make virtual environments (on Debian: apt-get install python3-venv)")

# The stamp is written last, so an interrupted installation is taken up again; a newer requirements.txt renews it.
.venv/installed: requirements.txt .venv/analysis
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

# Enough to draw and to report: no torch, a minute less and gigabytes less.
.venv/analysis: requirements-analysis.txt
	$(if $(problem),$(error $(problem); Python 3.10 or newer with pip is needed, try make PYTHON=/path/to/python3))
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-analysis.txt
	touch $@
