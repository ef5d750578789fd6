# Three stages: compile, install what runs, and an image of nothing but that. About 187 MB by the sum of its parts: 127 of
# them are Node itself, 49 the packages, 11 Alpine with the C++ library.

FROM node:24.21-alpine3.22 AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-fund --no-audit
COPY . .
RUN npm run build && npm pack --ignore-scripts --pack-destination /build

FROM node:24.21-alpine3.22 AS packages
WORKDIR /app
COPY --from=build /build/consulate-*.tgz /build/package-lock.json /build/.npmrc ./
# From the lockfile, as the tests are: an image that is built later gets no driver or library that they never met. Without
# the lockfile afterwards, since it also names what is only there to develop.
RUN tar -xzf consulate-*.tgz --strip-components=1 \
  && npm ci --omit=dev --no-fund --no-audit \
  && rm consulate-*.tgz package-lock.json .npmrc \
  && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' \) -delete

FROM alpine:3.22
# The image of Node carries npm, yarn and headers, which nothing here runs.
RUN apk add --no-cache libstdc++ ca-certificates \
  && addgroup -S -g 10001 consulate && adduser -S -D -H -u 10001 -G consulate consulate \
  && mkdir -p /var/lib/consulate && chown consulate:consulate /var/lib/consulate && chmod 700 /var/lib/consulate
COPY --from=packages /usr/local/bin/node /usr/local/bin/node
COPY --from=packages /app /app
ENV NODE_ENV=production CONSULATE_CONFIG=/etc/consulate/consulate.yaml
USER 10001:10001
WORKDIR /var/lib/consulate
# The only place that is written to, and only by the embedded store.
VOLUME /var/lib/consulate
EXPOSE 3000
STOPSIGNAL SIGTERM
# By address: health is answered under any name. 503 while the store cannot be written. Set CONSULATE_PORT to the
# `listen.port` of the configuration when that is not 3000.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD wget -q -O /dev/null "http://127.0.0.1:${CONSULATE_PORT:-3000}/healthz"
ENTRYPOINT ["node", "/app/dist/src/cli/index.js"]
CMD ["serve"]
