# A Penstock node:  docker build -t penstock .
#                   docker run -p 9092:9092 -v penstock:/var/lib/penstock penstock
# Clients on other machines need the name under which they reach it:
#                   docker run … penstock --override advertised.listeners=PLAINTEXT://HOST:9092
FROM debian:12 AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates
COPY tools/packages/debian.txt /tmp/packages.txt
RUN grep -v '^#' /tmp/packages.txt | xargs apt-get install -y --no-install-recommends
COPY . /src
WORKDIR /src
RUN cmake --preset release -DPENSTOCK_TESTS=OFF -DPENSTOCK_BENCH=OFF -DPENSTOCK_EXAMPLES=OFF \
 && cmake --build build/release --target penstock \
 && strip build/release/bin/penstock
# What it is linked with, by the packages that have it.
RUN ldd build/release/bin/penstock | awk '$3 ~ "^/" {print $3}' | xargs realpath \
  | xargs dpkg -S 2>/dev/null | cut -d: -f1 | sort -u > /tmp/runtime.txt

FROM debian:12-slim
COPY --from=build /tmp/runtime.txt /tmp/runtime.txt
RUN apt-get update && xargs apt-get install -y --no-install-recommends < /tmp/runtime.txt \
 && rm -rf /var/lib/apt/lists/* /tmp/runtime.txt \
 && useradd --system --home-dir /var/lib/penstock --create-home penstock
COPY --from=build /src/build/release/bin/penstock /usr/local/bin/
COPY --from=build /src/bin/ /usr/local/bin/
COPY --from=build /src/config/server.properties /etc/penstock/server.properties
RUN sed -i 's|^log.dirs=.*|log.dirs=/var/lib/penstock|' /etc/penstock/server.properties
USER penstock
VOLUME /var/lib/penstock
EXPOSE 9092
# A signal of `docker stop` reaches the node itself.
ENTRYPOINT ["penstock", "node", "--config", "/etc/penstock/server.properties"]
