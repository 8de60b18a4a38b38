# docker build -t shuangku .
# docker run --init --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     -p 8000:8000 -v shuangku:/var/lib/shuangku shuangku                   (PostgreSQL inside)
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
ARG REVISION=""
LABEL org.opencontainers.image.title="双库 Shuangku" \
    org.opencontainers.image.description="Matches China's experts to the technical problems of its enterprises" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.revision="$REVISION"
# A number, so that an orchestrator can see that it is not root's.
RUN useradd --uid 10001 --home-dir /var/lib/shuangku --create-home --shell /usr/sbin/nologin shuangku
COPY --from=build /srv/shuangku /srv/shuangku
WORKDIR /srv/shuangku
# Whatever the service writes lies in VAR_FOLDER, numba's cache in its home there included, and
# PostgreSQL's socket in /tmp; the program itself belongs to root, and the rest may be read-only.
ENV PATH=/srv/shuangku/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    VAR_FOLDER=/var/lib/shuangku
VOLUME /var/lib/shuangku
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/livez', timeout=3)"]
CMD ["shuangku", "serve"]
