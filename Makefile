# `make` 列出命令 / lists the commands. 变量 / variables: HOST, PORT, DATABASE_URL, ROUNDS, ARGS.

BIN := .venv/bin
UV := $(BIN)/uv
# One stamp says that the service's packages are there, the other that the developers' are too.
# The second set contains the first, so whoever has it keeps it: see `install`.
RUNTIME := .venv/runtime.stamp
DEV := .venv/dev.stamp

.PHONY: help serve test faults check soak clients openapi sbom audit lock clean
.DEFAULT_GOAL := help

ROUNDS := 10

# Where it is set every process would compile all of its modules again, which doubles its start.
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo 'make serve   启动服务        start the service (HOST=127.0.0.1 PORT=8000)'
	@echo 'make test    运行测试        run the tests (ARGS="-k embedded")'
	@echo 'make faults  故障演练        every fault many times; the last line is the account (ROUNDS=10)'
	@echo 'make check   检查代码        lint, format and types'
	@echo 'make clients 生成客户端      the Python client and TypeScript types (ARGS=FOLDER)'
	@echo 'make openapi 更新接口文档    renew the released document (ARGS=--breaking)'
	@echo 'make sbom    软件清单与许可证 the SBOM and the licences of what is shipped, into var/'
	@echo 'make audit   检查已知漏洞    known vulnerabilities of the locked packages'
	@echo 'make soak    长时间压力测试  the real mix of requests (ARGS="--rate 20 --minutes 20")'
	@echo 'make lock    更新依赖锁定    resolve the dependencies again (ARGS=--upgrade)'
	@echo 'make clean   删除环境与缓存  remove .venv and caches; the data in var/ stay'

serve: $(RUNTIME)
	@exec $(BIN)/shuangku serve

# Workers and the services that they start share the processors: linear algebra takes one each.
test: $(DEV)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -q -n 4 --no-loadscope-reorder $(ARGS)

# Alone on the machine, one after the other: they measure what they disturb.
faults: $(DEV)
	@$(BIN)/pytest -q tests/faults tests/acceptance/test_fuzzing.py --rounds=$(ROUNDS) $(ARGS)

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

soak: $(DEV)
	@$(BIN)/python -m scripts.load.soak $(ARGS)

clients: $(DEV)
	@$(BIN)/python -m scripts.clients.generate $(ARGS)

openapi: $(DEV)
	@$(BIN)/python -m scripts.openapi $(ARGS)

# An environment of the shipped packages alone, without the developers'.
sbom: $(DEV)
	@mkdir -p var
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv/shipped
	@$(UV) pip sync --quiet --python .venv/shipped/bin/python --require-hashes requirements.lock
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file var/sbom.json .venv/shipped/bin/python
	@$(BIN)/python -m scripts.supply_chain.licences var/sbom.json var/licences.csv

audit: $(DEV)
	@$(BIN)/python -m scripts.supply_chain.audit requirements.lock

lock: $(UV)
	$(compile) --output-file requirements.lock
	$(compile) --constraint requirements.lock --group dev --output-file requirements-dev.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis *.egg-info
	find app matching migrations scripts tests -name __pycache__ -prune -exec rm -rf {} +

$(RUNTIME): requirements.lock pyproject.toml | $(UV)
	@if [ -e $(DEV) ]; then $(call install,requirements-dev.lock); touch $(DEV); \
	else $(call install,requirements.lock); fi
	@touch $(RUNTIME)

$(DEV): requirements-dev.lock pyproject.toml | $(UV)
	@$(call install,requirements-dev.lock)
	@touch $(RUNTIME) $(DEV)

$(UV):
	@$(find_python); $(ensure_venv); \
	echo "[1/3] 建立虚拟环境 / creating .venv ($$($$python --version))" && \
	$$python -m venv .venv
	@echo '[2/3] 安装 uv / installing uv'
	@sed -n '/^uv==/,/^ *#/p' requirements-dev.lock > .venv/uv.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt

compile = $(UV) pip compile --quiet --no-header --universal --python-version 3.11 \
	--generate-hashes pyproject.toml $(ARGS)

# $(1): the lock file. --python, or an activated environment elsewhere would be changed. chmod,
# since files keep the modes of uv's cache, and PostgreSQL's libraries are read by its own user.
install = echo '[3/3] 安装依赖 / installing the packages of $(1)' && \
	$(UV) pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes $(1) && \
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable . && \
	chmod -R a+rX .venv || exit 1

define find_python
for python in python3.11 python3.12 python3.13 python3 ''; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
		2> /dev/null && break; \
done; \
if [ -z "$$python" ]; then \
	echo '需要 Python 3.11、3.12 或 3.13 / Python 3.11, 3.12 or 3.13 is needed' >&2; exit 1; \
fi
endef

# Debian splits ensurepip off its Python.
define ensure_venv
if ! $$python -c 'import ensurepip' 2> /dev/null; then \
	package=$$($$python -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		echo "[0/3] 安装 $$package / installing $$package"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -qq -y $$package > /dev/null || exit 1; \
	else \
		echo "缺少 $$package,请先运行 / $$package is missing, first run:" >&2; \
		echo "  sudo apt-get update && sudo apt-get install -y $$package" >&2; exit 1; \
	fi; \
fi
endef
