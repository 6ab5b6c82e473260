# The one image of Landbridge: Node and one file.
#
#     docker build -t landbridge/landbridge:0.2.0 .
#
# makes all of it with BuildKit, with the list of what is in it (CycloneDX) beside the program. After `npm run build`,
# `docker build --target prebuilt .` takes the program from dist/, as the lab does. The base needs libc and libstdc++.
ARG BASE_IMAGE=debian:bookworm-slim
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS node

FROM ${BASE_IMAGE} AS runtime
LABEL org.opencontainers.image.title="Landbridge" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=node /usr/local/bin/node /usr/local/bin/node
ENV NODE_ENV=production
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node", "/app/landbridge.mjs"]

FROM runtime AS prebuilt
COPY dist/landbridge.mjs dist/landbridge.cdx.json /app/

FROM node AS bundle
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM runtime
COPY --from=bundle /src/dist/landbridge.mjs /src/dist/landbridge.cdx.json /app/
