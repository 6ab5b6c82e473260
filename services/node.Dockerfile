# The sample's service in TypeScript: frontend. From the root of the repository
#
#     docker build -f services/node.Dockerfile --build-arg SERVICE=frontend -t landbridge-sample/frontend:dev .
#
# makes all of it; `--target prebuilt` takes program and Node from a context that services/build.ts made.
# The base needs libc and libstdc++.
ARG BASE_IMAGE=debian:bookworm-slim
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${BASE_IMAGE} AS runtime
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/node", "/app/service.mjs"]

FROM runtime AS prebuilt
ARG SERVICE
COPY node/node /usr/local/bin/node
COPY ${SERVICE}.mjs /app/service.mjs

FROM ${NODE_IMAGE} AS build
ARG SERVICE
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY services/${SERVICE} ${SERVICE}
RUN npx esbuild ${SERVICE}/main.ts --bundle --platform=node --target=node20 --format=esm --outfile=/out/service.mjs

FROM runtime
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /out/service.mjs /app/service.mjs
