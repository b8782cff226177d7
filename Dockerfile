# Two stages on one Debian release, so that the environment built in the first runs in the second.
# Every step is in scripts/build-image.sh, which CI also runs without Docker (scripts/check-image.sh).

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY scripts/build-image.sh scripts/ready.py scripts/
RUN scripts/build-image.sh tools
COPY pyproject.toml requirements-runtime.lock package.json package-lock.json README.md LICENSE ./
COPY fhir_profiles fhir_profiles
COPY security security
COPY adapters adapters
COPY service service
RUN scripts/build-image.sh build

FROM debian:bookworm-slim
COPY scripts/build-image.sh /tmp/build-image.sh
RUN /tmp/build-image.sh runtime && rm /tmp/build-image.sh
COPY --from=build /opt/epaccs /opt/epaccs

# No secret and no setting that opens anything: without its settings the program names them all and stops.
ENV EPACCS_HOME=/var/lib/epaccs \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/epaccs
VOLUME /var/lib/epaccs
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 CMD ["/opt/epaccs/bin/ready"]
ENTRYPOINT ["/opt/epaccs/bin/epaccs"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
