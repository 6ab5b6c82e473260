#!/bin/sh
# Runs the Landbridge agent where there is no supervisor: starts it again when it ends, and passes a stop on to it, so that
# its instances leave the mesh and callers get time to notice. As the user who owns the three folders; no privilege needed.
#   LANDBRIDGE_STATE_DIR=~/mesh/state LANDBRIDGE_CONFIG_DIR=~/mesh/etc LANDBRIDGE_RUNTIME_DIR=~/mesh/run ./agent.sh
agent=
stopping=
stop() {
  stopping=1
  [ -z "$agent" ] || kill -TERM "$agent" 2>/dev/null
}
trap stop TERM INT
while [ -z "$stopping" ]; do
  landbridge agent run &
  agent=$!
  # A trapped signal ends a wait early: wait until it is really gone.
  while kill -0 "$agent" 2>/dev/null; do wait "$agent"; done
  agent=
  [ -n "$stopping" ] || sleep 1
done
