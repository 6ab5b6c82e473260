#!/bin/sh
# Runs the edge until SIGTERM, then drains: /healthz answers 503 for DRAIN_SECONDS (default 3) so that everybody leaves,
# then nginx finishes what is in flight (SIGQUIT) and this script exits 0.
#
# NGINX_BINARY (default /usr/sbin/nginx) is the binary; the rest of the environment is that of render.sh.
set -eu

here="$(dirname "$0")"
rm -f "$RUN_DIR/draining" "$RUN_DIR/nginx.pid"
"$here/render.sh" > "$RUN_DIR/nginx.conf"

log() {
    printf '{"time":"%s","level":"info","service":"edge","instance":"%s","message":"%s","port":%s}\n' \
        "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${INSTANCE_NAME:-$(uname -n)}" "$1" "${PORT:-8080}"
}

drain() {
    trap '' TERM INT
    log draining
    touch "$RUN_DIR/draining"
    sleep "${DRAIN_SECONDS:-3}"
    kill -QUIT "$child"
}

set -- "${NGINX_BINARY:-/usr/sbin/nginx}" -e stderr -p "$RUN_DIR" -c "$RUN_DIR/nginx.conf"
"$@" -t -q # says what is wrong, and ends here
trap drain TERM INT
"$@" &
child=$!
# nginx writes its pid file once it listens.
while [ ! -s "$RUN_DIR/nginx.pid" ] && kill -0 "$child" 2> /dev/null; do sleep 0.05; done
log started
# The first wait ends when a signal comes; the one after the drain waits for nginx itself.
code=0
wait "$child" || code=$?
if [ -f "$RUN_DIR/draining" ]; then
    code=0
    wait "$child" || code=$?
    log stopped
fi
exit "$code"
