# One image for the API and the workers; the command picks: `triage api` (the default) or `triage worker`.
#
# An index, a proxy or a certificate of one's own: `--secret id=pip,src=pip.conf`, mounted for pip and kept in no layer.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /build
# pip stays in this stage: /opt/triage is all that the next one takes.
RUN python3 -m venv /pip && python3 -m venv --without-pip /opt/triage
COPY constraints.txt pyproject.toml ./
# Optional dependencies of pyproject.toml to include, space-separated.
ARG EXTRAS=""
# What seldom changes first, so that a change of the code does not install it again.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    EXTRAS="${EXTRAS}" python3 -c 'import os, tomllib; \
project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
extras = [project["optional-dependencies"][name] for name in os.environ["EXTRAS"].split()]; \
wanted = [*project["dependencies"], *sum(extras, [])]; \
print(*(row for row in wanted if not row.startswith("triage-client")), sep="\n")' >requirements.txt \
    && /pip/bin/pip --python /opt/triage/bin/python3 install --no-cache-dir --disable-pip-version-check \
        --constraint constraints.txt --requirement requirements.txt
COPY README.md ./
COPY clients/python clients/python
COPY examples/tour examples/tour
COPY service service
COPY triage triage
COPY workers workers
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
    /pip/bin/pip --python /opt/triage/bin/python3 install --no-cache-dir --disable-pip-version-check --no-deps \
        ./clients/python . \
    && cp constraints.txt /opt/triage/constraints.txt

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Triage" \
      org.opencontainers.image.description="Job orchestration over HTTP: the API and its workers" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 triage \
    && useradd --uid 10001 --gid 10001 --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin triage
COPY --from=build /opt/triage /opt/triage
# Put your handlers into /opt/handlers and name them in TRIAGE_HANDLERS; the samples, workers.handlers, are for trials.
# The root file system may be read-only: only /tmp is written to.
ENV PATH=/opt/triage/bin:$PATH \
    PYTHONPATH=/opt/handlers \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TRIAGE_HOST=0.0.0.0 \
    TRIAGE_HANDLERS=
WORKDIR /opt/handlers
USER 10001:10001
# The API, and a worker's probes, metrics and drain.
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python3", "-m", "service.commands.container", "livez"]
# Exec form: Python is process 1 and gets the signals.
CMD ["triage", "api"]
