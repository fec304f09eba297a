# The lines below are what a bare `make` prints. Each target makes .venv and installs the pinned requirements first.
#: make demo         train figure 2 on embedded images and draw it: minutes on two cores
#: make test         run the tests
#: make figures      redraw the pictures of the README from the committed records (no torch)
#: make report       put all that the committed records say on one page, report/report.html (no torch)
#: make pages        write the tables of README and docs anew from the committed records
#: make check        ruff and mypy
#: make test-slurm   run sweeps on a real SLURM that it installs and starts here (root on Debian; eight minutes)
#: make test-report  open the report in a real browser, set its tables with pdflatex (installs both: root on Debian)
#: make clean        remove .venv, runs, figures and report
#: PYTHON=/path/to/python3   the Python that .venv is made from
#: TORCH=mine                use the torch that this Python has instead of the pinned one, which takes 4.7 GB
#: TORCH=cpu                 install a CPU build of the pinned torch
PYTHON ?= python3
TORCH ?= pinned
BIN = .venv/bin
RUNS ?= runs
$(if $(filter $(TORCH),pinned cpu mine),,$(error TORCH=$(TORCH): one of pinned, cpu, mine))

.PHONY: help plan demo test figures report pages check test-slurm test-report clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#: //p' Makefile

demo: plan .venv/installed
	$(call timed,train,$(BIN)/python -m experiments run fig2 --profile demo --out $(RUNS))
	$(call timed,draw,$(BIN)/python -m analysis figures fig2 --runs $(RUNS) --out figures)

plan:
	@echo "make demo: 1. install into .venv, once (mostly torch: $(size_$(TORCH))), 2. train figure 2 in small: 196 runs"
	@echo "on embedded images (3 minutes on two free cores), 3. draw it: figures/fig2-demo.png. Ctrl-C at any time: the"
	@echo "same command goes on."

test: .venv/installed
	$(BIN)/python -m pytest -n 2

test-slurm: .venv/installed
	$(BIN)/python -m pytest -m cluster --durations=0 tests/cluster

test-report: .venv/installed
	$(BIN)/python -m pytest -m opened --durations=0 tests/opened

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

# $(call timed,NAME,COMMAND): show it, run it, and say how long it took.
timed = @echo '$(2)'; start=$$(date +%s); $(2) && echo "$(1): $$(($$(date +%s) - start)) s"

size_pinned = 4.7 GB
size_cpu = 1 GB
size_mine = yours is used
CPU_BUILDS = https://download.pytorch.org/whl/cpu
# The folder that holds the torch of $(PYTHON); .venv looks into it after its own packages.
torch_folder = $(PYTHON) -c 'import importlib.util as u, os; print(os.path.dirname(os.path.dirname(u.find_spec("torch").origin)))'
# What is wrong with $(PYTHON) or $(TORCH), or nothing.
problem = $(shell \
	command -v $(PYTHON) > /dev/null 2>&1 || { echo "there is no $(PYTHON) here"; exit; }; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null \
		|| { echo "$$($(PYTHON) --version 2>&1) is too old"; exit; }; \
	$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null \
		|| { echo "$(PYTHON) cannot make virtual environments (on Debian: apt-get install python3-venv)"; exit; }; \
	test $(TORCH) != mine || $(torch_folder) > /dev/null 2>&1 || echo "$(PYTHON) has no torch")

# $(call install,NAME,ARGUMENTS): with pip; where that fails, a line that says what is at fault and what to do.
install = @echo 'pip install $(2)'; start=$$(date +%s); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(2) 2> .venv/pip.log \
	&& echo "install $(1): $$(($$(date +%s) - start)) s" || { cat .venv/pip.log >&2; $(fault) >&2; exit 1; }
index = $${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2> /dev/null || echo https://pypi.org/simple)}
fault = if grep -q 'No space left on device' .venv/pip.log; then \
		echo "The disk of $$PWD or of $${TMPDIR:-/tmp} is full: free 10 GB, or type make TORCH=cpu or TORCH=mine (see make)"; \
	elif grep -qiE 'connection|timed out|name resolution|from versions: none' .venv/pip.log; then \
		echo "pip cannot reach $(index): set PIP_INDEX_URL to a mirror that this machine reaches"; \
	else \
		echo "pip failed, see above. It installed from $(index)"; \
	fi

# The stamp is written last, so an interrupted installation is taken up again; a newer requirements.txt renews it.
.venv/installed: requirements.txt .venv/analysis
ifeq ($(TORCH),mine)
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > .venv/purelib
	@$(torch_folder) > "$$(cat .venv/purelib)/torch.pth"
	@grep -vE '^(torch|-r)' requirements.txt > .venv/requirements.txt
	$(call install,all but torch,-r .venv/requirements.txt)
else
	$(call install,torch and more,-r requirements.txt $(if $(filter cpu,$(TORCH)),--extra-index-url $(CPU_BUILDS)))
endif
	@touch $@

# Enough to draw and to report: no torch, a minute less and gigabytes less.
.venv/analysis: requirements-analysis.txt
	$(if $(problem),$(error $(problem); Python 3.10 or newer with pip is needed, try make PYTHON=/path/to/python3))
	$(PYTHON) -m venv .venv
	$(call install,numpy and matplotlib,-r requirements-analysis.txt)
	@touch $@
