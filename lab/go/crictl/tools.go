//go:build tools

// Package tools names the command built from this module, so that `go mod tidy` keeps what it needs.
package tools

import _ "sigs.k8s.io/cri-tools/cmd/crictl"
