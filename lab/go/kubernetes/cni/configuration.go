package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
)

const configurationFile = "/etc/cni/net.d/10-landbridge.conflist"

// writeConfiguration makes containerd report the node's network as ready. The file appears whole or not at all:
// containerd reads it the moment it is there.
func writeConfiguration(podRange string) error {
	content, err := json.MarshalIndent(configuration(podRange), "", "  ")
	if err != nil {
		return err
	}
	if before, err := os.ReadFile(configurationFile); err == nil && bytes.Equal(before, content) {
		return nil
	}
	temporary := filepath.Join(filepath.Dir(configurationFile), ".landbridge.tmp")
	if err := os.WriteFile(temporary, content, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, configurationFile)
}

type object = map[string]any

func configuration(podRange string) object {
	return object{
		"cniVersion": "0.3.1",
		"name":       "landbridge",
		"plugins": []object{
			{
				"type":   "ptp",
				"ipMasq": false,
				"ipam": object{
					"type":    "host-local",
					"dataDir": "/run/cni-ipam-state",
					"routes":  []object{{"dst": "0.0.0.0/0"}},
					"ranges":  [][]object{{{"subnet": podRange}}},
				},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}
}
