# The sample's services in Go: echo, ledger, sub-svc. From the root of the repository
#
#     docker build -f services/go.Dockerfile --build-arg SERVICE=echo -t landbridge-sample/echo:dev .
#
# makes all of it; `--target prebuilt` takes the binary from a context that services/build.ts made.
# The binary is static: any base will do.
ARG BASE_IMAGE=debian:bookworm-slim
ARG GO_IMAGE=golang:1.25-bookworm

FROM ${BASE_IMAGE} AS runtime
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/app/service"]

FROM runtime AS prebuilt
ARG SERVICE
COPY ${SERVICE} /app/service

FROM ${GO_IMAGE} AS build
ARG SERVICE
WORKDIR /src
COPY services/go.mod ./
COPY services/serving serving
COPY services/${SERVICE} ${SERVICE}
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/service ./${SERVICE}

FROM runtime
COPY --from=build /out/service /app/service
