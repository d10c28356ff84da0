# docker build -t tallylight .
#
# The configuration comes as a directory (editors and Kubernetes replace files, which a single mounted
# file would not notice); the state is the one place that is written.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY benches ./benches
COPY src ./src
RUN cargo build --locked --release --bin tallylight && mkdir /state

# glibc, CA roots and time zones; no shell.
FROM gcr.io/distroless/cc-debian12
COPY --from=build /src/target/release/tallylight /tallylight
COPY --from=build --chown=65532:65532 /state /var/lib/tallylight
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /var/lib/tallylight
VOLUME ["/etc/tallylight", "/var/lib/tallylight"]
EXPOSE 9464
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/tallylight", "healthcheck"]
ENTRYPOINT ["/tallylight"]
CMD ["run"]
