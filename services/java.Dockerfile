# The sample's services in Java: add-svc, api-gateway. From the root of the repository
#
#     docker build -f services/java.Dockerfile --build-arg SERVICE=add-svc --build-arg MAIN_CLASS=sample.AddSvc \
#       -t landbridge-sample/add-svc:dev .
#     docker build -f services/java.Dockerfile --build-arg SERVICE=api-gateway --build-arg MAIN_CLASS=sample.ApiGateway \
#       -t landbridge-sample/api-gateway:dev .
#
# makes all of it; `--target prebuilt` takes jar and runtime from a context that services/build.ts made.
# The base needs libc and libstdc++.
ARG BASE_IMAGE=debian:bookworm-slim
ARG JDK_IMAGE=eclipse-temurin:17-jdk

FROM ${BASE_IMAGE} AS runtime
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/opt/jre/bin/java", "@/opt/jre/jvm.args", "-jar", "/app/service.jar"]

FROM runtime AS prebuilt
ARG SERVICE
COPY jre /opt/jre
COPY ${SERVICE}.jar /app/service.jar

FROM ${JDK_IMAGE} AS build
ARG SERVICE
ARG MAIN_CLASS
WORKDIR /src
# A runtime of just what the sample needs, with the class data that -Xshare:auto maps at start, as services/build/java.ts
# makes it; zlib is put where the runtime looks first, since the base has none.
RUN jlink --add-modules java.base,java.logging,java.net.http,jdk.httpserver --strip-java-debug-attributes \
      --no-header-files --no-man-pages --compress=2 --vm=server --output /out/jre \
    && /out/jre/bin/java -XX:+UseG1GC -Xshare:dump \
    && zlib="$(ldd /out/jre/bin/java | sed -n 's/.*libz\.so\.1 => \([^ ]*\).*/\1/p')" \
    && if [ -n "$zlib" ]; then cp -L "$zlib" /out/jre/lib/libz.so.1; fi
COPY services/jvm jvm
COPY services/${SERVICE} ${SERVICE}
RUN mkdir classes && javac --release 17 -d classes jvm/*.java ${SERVICE}/*.java \
    && jar --create --date 2026-01-01T00:00:00Z --file /out/service.jar --main-class "${MAIN_CLASS}" -C classes . \
    && cp jvm/jvm.args /out/jre/jvm.args

FROM runtime
COPY --from=build /out/jre /opt/jre
COPY --from=build /out/service.jar /app/service.jar
