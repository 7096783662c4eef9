# The single form as an image: non-root, no shell, nothing written outside the data folder, /run/sallyport and /tmp.
# Builds with docker, podman or buildah. An organisation that mirrors images or packages passes its own bases as
# build arguments and its registry as the build secret `npmrc`.
ARG BUILD_BASE=docker.io/library/node:24-trixie-slim
ARG RUNTIME_BASE=gcr.io/distroless/nodejs24-debian13:nonroot

FROM ${BUILD_BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
COPY schema ./schema
RUN npm run build
# The program has its packages inside. Of their folders stays what says which they are, for those who look for known
# faults in an image, and their licences.
RUN npm prune --ignore-scripts --omit=dev --omit=optional \
    && rm -rf node_modules/.bin node_modules/.package-lock.json \
    && find node_modules -type f ! -name package.json ! -iname 'licen[cs]e*' -delete \
    && find node_modules -type d -empty -delete \
    && mkdir /data /cache /scratch

# Compiled code counts for one Node, its flags and one user only: it is made by those that will use it.
FROM ${RUNTIME_BASE} AS warm
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/scripts/warm.mjs ./scripts/
COPY --from=build /app/dist ./dist
COPY --from=build --chown=10180:10180 /cache ./dist/cache
COPY --from=build --chown=10180:10180 /scratch /scratch
ENV TMPDIR=/scratch
USER 10180:10180
RUN ["/nodejs/bin/node", "--disable-sigusr1", "--disable-proto=delete", \
    "--max-semi-space-size=8", "/app/scripts/warm.mjs"]

FROM ${RUNTIME_BASE}
LABEL org.opencontainers.image.title="sallyport" \
      org.opencontainers.image.description="Credential broker sidecar for MCP servers" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
    SALLYPORT_CONFIG=/etc/sallyport/sallyport.yaml
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/schema ./schema
COPY --from=build /app/dist ./dist
COPY --from=warm --chown=0:0 /app/dist/cache ./dist/cache
COPY --from=build --chown=10180:10180 /data /var/lib/sallyport
USER 10180:10180
VOLUME /var/lib/sallyport
# No inspector on a signal, no way to reach a prototype by name; and half of the memory that a busy process takes otherwise,
# for a tenth to a third more processor time (the same flags as above).
ENTRYPOINT ["/nodejs/bin/node", "--disable-sigusr1", "--disable-proto=delete", \
    "--max-semi-space-size=8", "/app/dist/cli.js"]
CMD ["single", "--config", "/etc/sallyport/sallyport.yaml"]
