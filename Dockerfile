# The program alone: it needs a Postgres, named by DATABASE_URL, and keeps
# uploads under /data. docker-compose.yml puts the parts together.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo build --release --locked --bin callimico

FROM debian:bookworm-slim
# Certificates for a database reached by TLS; curl for the health check. The
# newest of each is wanted.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/*
# A number that does not change, so that a volume's files stay readable.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin callimico \
    && install --directory --owner=callimico --group=callimico --mode=0700 /data
COPY --from=build /src/target/release/callimico /usr/local/bin/callimico
USER 10001:10001
WORKDIR /data
VOLUME /data
ENV CALLIMICO_DATA_DIR=/data \
    CALLIMICO_BIND=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["curl", "--fail", "--silent", "--show-error", "--output", "/dev/null", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["callimico"]
CMD ["serve"]
