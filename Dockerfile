# The one image of Landbridge: Node and one file. `docker build .` (with BuildKit, which skips `prebuilt`) makes all of
# it; after `npm run build`, `docker build --target prebuilt .` takes the file from dist/.
ARG BASE_IMAGE=debian:bookworm-slim
ARG NODE_IMAGE=node:20-bookworm-slim

FROM ${NODE_IMAGE} AS node

FROM ${BASE_IMAGE} AS runtime
COPY --from=node /usr/local/bin/node /usr/local/bin/node
ENV NODE_ENV=production
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node", "/app/landbridge.mjs"]

FROM runtime AS prebuilt
COPY dist/landbridge.mjs /app/landbridge.mjs

FROM node AS bundle
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM runtime
COPY --from=bundle /src/dist/landbridge.mjs /app/landbridge.mjs
