#!/bin/sh
# Prints the configuration of this instance: nginx.conf.template with the environment filled in.
#
# RUN_DIR        a directory of its own, must exist
# PORT           public port, default 8080
# BIND_ADDRESS   default 0.0.0.0
# API_GATEWAY    where the local sidecar listens for the api-gateway, default 127.0.0.1:9090
# EDGE_GATEWAY   where the edge gateway of the mesh answers, default 127.0.0.1:30800; more than one with commas between
# EDGE_HOST      the name that is sent on to it, default shop.example
# INSTANCE_NAME, HOST_NAME   default: the host name
# HOST_ADDRESS   default: the address the request came in at
set -eu

template="$(dirname "$0")/nginx.conf.template"
host="$(uname -n)"
script=

fill() { # fill NAME VALUE: refuses what would be more than a value in the configuration
    case "$2" in
        '' | *[!A-Za-z0-9._:/\$-]*)
            echo "edge: $1 is '$2', which cannot be used" >&2
            exit 2
            ;;
    esac
    script="${script}s|@$1@|$2|g;"
}

fill RUN_DIR "${RUN_DIR:-}"
fill PORT "${PORT:-8080}"
fill BIND_ADDRESS "${BIND_ADDRESS:-0.0.0.0}"
fill API_GATEWAY "${API_GATEWAY:-127.0.0.1:9090}"
fill EDGE_HOST "${EDGE_HOST:-shop.example}"
servers=
for address in $(printf %s "${EDGE_GATEWAY:-127.0.0.1:30800}" | tr ',' ' '); do
    fill EDGE_ADDRESS "$address"
    servers="${servers}server $address max_fails=1 fail_timeout=5s; "
done
script="${script}s|@EDGE_GATEWAY@|$servers|g;"
fill INSTANCE_NAME "${INSTANCE_NAME:-$host}"
fill HOST_NAME "${HOST_NAME:-$host}"
fill HOST_ADDRESS "${HOST_ADDRESS:-\$server_addr}"
sed "$script" "$template"
