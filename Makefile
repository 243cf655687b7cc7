# Everything here starts from nothing but Python 3.11+, git and make.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STACK  ?= dev
ACTIONLINT ?= v1.7.12
MERMAID ?= 11.17.2
# Where an image switches bytecode off, each of some hundred Python processes would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=
REHEARSED ?= dev examples/chat-app/prod examples/ecs-web/prod examples/thulobazaar/prod@launch

.DEFAULT_GOAL := help
.PHONY: help preview preview-all verify-all verify-changes verify-kubernetes clean-environment rehearse workflows checkov mermaid test judges lint format types kubernetes functions golden docs bench lock clean

help: ## Show these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

$(VENV)/.run: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Groundwork needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing requirements into $(VENV) (about a minute, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.kubernetes: $(VENV)/.run requirements-kubernetes.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-kubernetes.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

preview: $(VENV)/.run ## Preview a stack offline (STACK=dev), BASE=HEAD~1 for what changes since
	@$(BIN)/groundwork preview $(STACK) $(if $(BASE),--base '$(BASE)')

preview-all: $(VENV)/.kubernetes ## Preview every stack in each of its phases, known and unknown
	@$(BIN)/groundwork stacks --each-phase | while read -r stack; do \
		$(BIN)/groundwork preview $$stack; \
		$(BIN)/groundwork preview $$stack --unknowns | sed -n '/^Resources/,$$p'; \
	done

verify-all: $(VENV)/.kubernetes ## Have the real AWS provider judge every stack and phase, where Terraform is
	@$(BIN)/groundwork stacks --each-phase | while read -r stack; do \
		echo "$$stack"; $(BIN)/groundwork verify $$stack; \
	done

verify-changes: $(VENV)/.dev ## Hold what previews say is replaced against the real AWS provider, where Terraform is
	@$(BIN)/python -m tests.replacement check

rehearse: $(VENV)/.dev ## Deploy stacks to a stand-in account, twice, and remove them (REHEARSED=…)
	@$(BIN)/groundwork rehearse $(REHEARSED)

clean-environment: $(VENV)/.dev ## Install the wheel where there is only Python, and begin a project there
	@$(BIN)/python -m tests.clean_environment

verify-kubernetes: $(VENV)/.dev ## Have a real kube-apiserver judge every object, where Go and etcd are
	@$(BIN)/python -m tests.kubernetes

$(VENV)/.checkov: requirements-checkov.txt
	@$(PYTHON) -m venv $(VENV)/checkov
	@$(VENV)/checkov/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-checkov.txt
	@touch $@

checkov: $(VENV)/.dev $(VENV)/.checkov ## Have Checkov judge every stack and phase
	@$(BIN)/python -m tests.checkov $(VENV)/checkov/bin/checkov

$(VENV)/.tools: requirements-tools.txt
	@$(PYTHON) -m venv $(VENV)/tools
	@$(VENV)/tools/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-tools.txt
	@touch $@

workflows: $(VENV)/.run $(VENV)/.tools ## Lint the workflows for GitHub and GitLab
	@$(VENV)/tools/bin/zizmor --offline --quiet .github action.yml
	@$(VENV)/tools/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(VENV)/tools/bin/check-jsonschema --builtin-schema vendor.github-actions action.yml
	@$(VENV)/tools/bin/check-jsonschema --builtin-schema vendor.gitlab-ci .gitlab-ci.yml
	@rm -rf build/pipelines; for ci in github gitlab; do mkdir -p build/pipelines/$$ci/.git && $(BIN)/groundwork new build/pipelines/$$ci --name shop --repository acme/shop --ci $$ci >/dev/null || exit 1; done
	@$(VENV)/tools/bin/zizmor --offline --quiet build/pipelines/github/.github
	@$(VENV)/tools/bin/check-jsonschema --builtin-schema vendor.github-workflows build/pipelines/github/.github/workflows/*.yml
	@$(VENV)/tools/bin/check-jsonschema --builtin-schema vendor.gitlab-ci build/pipelines/gitlab/.gitlab-ci.yml
	@PATH="$$PWD/$(VENV)/tools/bin:$$PATH"; \
	command -v actionlint >/dev/null || { command -v go >/dev/null && GOBIN="$$PWD/$(VENV)/tools/bin" go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT) 2>/dev/null; } || true; \
	if command -v actionlint >/dev/null; then actionlint && (cd build/pipelines/github && actionlint .github/workflows/*.yml); else echo "actionlint is not here, nor Go to build it with: skipped"; fi

mermaid: $(VENV)/.run ## Get Mermaid, with which a test reads every diagram, where npm is
	@command -v npm >/dev/null || { echo "npm is not here: the test of diagrams is skipped"; exit 0; }; \
	test -f $(VENV)/mermaid.min.js || { cd $(VENV) && npm pack --silent mermaid@$(MERMAID) >/dev/null && \
	tar -xzf mermaid-$(MERMAID).tgz --strip-components=2 package/dist/mermaid.min.js && rm mermaid-$(MERMAID).tgz; }

test: $(VENV)/.dev ## Run the tests
	@$(BIN)/python -m pytest -n auto --dist worksteal

judges: $(VENV)/.dev ## Run the tests that ask Terraform, a kube-apiserver or the installed wheel
	@$(BIN)/python -m pytest -n auto --dist worksteal -m judge

lint: $(VENV)/.dev ## Check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/.dev ## Rewrite to the project's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/.dev ## Check types
	@$(BIN)/mypy
	@$(BIN)/mypy examples/extensions/extensions.py examples/components-in-a-program/__main__.py

kubernetes: $(VENV)/.kubernetes ## Install what stacks with the engine eks need

functions: $(VENV)/.run ## Package the Lambda functions for pulumi up
	@$(BIN)/python -m groundwork.operations.package

golden: $(VENV)/.dev ## Write the reviewed lists of URNs anew
	@GROUNDWORK_GOLDEN=write $(BIN)/python -m pytest tests/test_golden_urns.py tests/components/test_ec2_user_data.py

docs: $(VENV)/.dev ## Write the generated pages and schemas anew
	@$(BIN)/python -m tests.requirements
	@$(BIN)/python -m tests.readme
	@$(BIN)/python -m tests.costs
	@$(BIN)/python -m tests.growing
	@$(BIN)/python -m tests.api
	@$(BIN)/groundwork schema --out groundwork.schema.json
	@$(BIN)/groundwork schema --format markdown --out docs/settings.md
	@PYTHONPATH=policies $(BIN)/python -m groundwork.preview.refusals.reference docs/limits.md
	@PYTHONPATH=policies $(BIN)/python -m tests.policies.examples
	@PYTHONPATH=policies $(BIN)/python -m guardrails.reference docs
	@$(BIN)/groundwork diagram prod --format svg --out docs/prod.svg
	@PYTHONPATH=policies $(BIN)/python -m tests.pictures

bench: $(VENV)/.dev ## Measure previews (see docs/performance.md)
	@$(BIN)/python -m tests.bench

lock: ## Pin requirements again from pyproject.toml (needs uv)
	@uv pip compile pyproject.toml --universal --python-version 3.11 --no-emit-index-url --no-header --upgrade --quiet -o requirements.txt
	@uv pip compile pyproject.toml --extra kubernetes --universal --python-version 3.11 --no-emit-index-url --no-header --upgrade --quiet -c requirements.txt -o requirements-kubernetes.txt
	@uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-emit-index-url --no-header --upgrade --quiet -c requirements-kubernetes.txt -o requirements-dev.txt

clean: ## Remove what make made
	rm -rf $(VENV) build out *.egg-info .mypy_cache .ruff_cache .hypothesis
