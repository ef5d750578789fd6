# Three stages: compile, install what runs, and an image of nothing but that. About 180 MB by the sum of its parts: 127 of
# them are Node itself, 41 the packages, 11 Alpine with the C++ library.

FROM node:24.21-alpine3.22 AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# Not `npm ci`: it wants every optional package of every platform in the lockfile, and a registry may lack some.
RUN npm install --no-fund --no-audit
COPY . .
RUN npm run build && npm pack --ignore-scripts --pack-destination /build

FROM node:24.21-alpine3.22 AS packages
WORKDIR /app
COPY --from=build /build/consulate-*.tgz /tmp/
RUN npm install --omit=dev --no-fund --no-audit --no-package-lock /tmp/consulate-*.tgz \
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
ENTRYPOINT ["node", "/app/node_modules/consulate/dist/src/cli/index.js"]
CMD ["serve"]
