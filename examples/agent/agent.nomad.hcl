# The Landbridge agent under Nomad, once on each client that has joined (landbridge vm join --no-systemd).
# raw_exec, because the agent starts one Envoy an instance and must be told of a stop before they are.
job "landbridge-agent" {
  type = "system"

  group "agent" {
    restart {
      attempts = 10
      interval = "1m"
      delay    = "1s"
      mode     = "delay"
    }

    task "agent" {
      driver = "raw_exec"
      user   = "landbridge"

      config {
        command = "/usr/local/bin/landbridge"
        args    = ["agent", "run"]
      }

      env {
        LANDBRIDGE_STATE_DIR   = "/var/lib/landbridge"
        LANDBRIDGE_CONFIG_DIR  = "/etc/landbridge"
        LANDBRIDGE_RUNTIME_DIR = "/run/landbridge"
      }

      # The agent drains: callers leave within a lease, then its Envoys end.
      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      resources {
        cpu    = 100
        memory = 256
      }
    }
  }
}
