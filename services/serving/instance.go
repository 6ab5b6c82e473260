// Package serving holds the shared parts of the sample's Go services: identity, log, start and stop.
package serving

import (
	"os"
	"regexp"
	"strings"
)

// Instance says who answers: one running process of a service, and where it runs.
type Instance struct {
	Service, Name, Platform, Host, Address string
}

var notPlain = regexp.MustCompile(`[^A-Za-z0-9._:-]`)

// FromEnv reads INSTANCE_NAME (default: the host name), PLATFORM (pod or vm), HOST_NAME and HOST_ADDRESS; a missing variable is "unknown".
func FromEnv(service string) Instance {
	name := os.Getenv("INSTANCE_NAME")
	if name == "" {
		name, _ = os.Hostname()
	}
	return Instance{
		Service:  service,
		Name:     plain(name),
		Platform: plain(os.Getenv("PLATFORM")),
		Host:     plain(os.Getenv("HOST_NAME")),
		Address:  plain(os.Getenv("HOST_ADDRESS")),
	}
}

// ServedBy is the value of the X-Served-By header: five fields, none of which can hold a separator.
func (i Instance) ServedBy() string {
	return strings.Join([]string{i.Service, i.Name, i.Platform, i.Host, i.Address}, ";")
}

func plain(text string) string {
	if text == "" {
		return "unknown"
	}
	return notPlain.ReplaceAllString(text, "-")
}
