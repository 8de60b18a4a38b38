# docker build -t shuangku .
# docker run --init -p 8000:8000 -v shuangku:/var/lib/shuangku shuangku     (PostgreSQL inside)
# compose.yaml runs the same image on a PostgreSQL of its own, with workers.

FROM python:3.11-slim AS build
WORKDIR /srv/shuangku
COPY requirements.lock requirements-dev.lock ./
RUN sed -n '/^uv==/,/^ *#/p' requirements-dev.lock > /tmp/uv.txt \
    && pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/uv.txt \
    && python -m venv --without-pip .venv \
    && uv pip sync --no-cache --compile-bytecode --require-hashes \
        --python .venv/bin/python requirements.lock
COPY pyproject.toml README.md ./
COPY app app
COPY matching matching
COPY migrations migrations
RUN uv pip install --no-cache --no-deps --python .venv/bin/python --editable . \
    && .venv/bin/python -m compileall -q app matching migrations

FROM python:3.11-slim
RUN useradd --system --home-dir /var/lib/shuangku --create-home --shell /usr/sbin/nologin shuangku
COPY --from=build /srv/shuangku /srv/shuangku
WORKDIR /srv/shuangku
# Whatever the service writes lies in VAR_FOLDER; the program itself belongs to root.
ENV PATH=/srv/shuangku/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    VAR_FOLDER=/var/lib/shuangku
USER shuangku
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/livez', timeout=3)"]
CMD ["shuangku", "serve"]
