package serving

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// Settings say where to listen and how long to drain.
type Settings struct {
	Port        int           // PORT or --port, default 8080; 0 picks a free one
	BindAddress string        // BIND_ADDRESS, default 0.0.0.0
	PortFile    string        // PORT_FILE, default none: the chosen port is written there
	Drain       time.Duration // DRAIN_SECONDS, default 3
}

// ReadSettings fails with a sentence for the operator when a value cannot be used.
func ReadSettings(args []string) (Settings, error) {
	port := fromEnv("PORT", "8080")
	switch {
	case len(args) == 2 && args[0] == "--port":
		port = args[1]
	case len(args) > 0:
		return Settings{}, errors.New("usage: [--port N]")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return Settings{}, fmt.Errorf("the port must be 0 to 65535, is '%s'", port)
	}
	seconds, err := strconv.ParseFloat(fromEnv("DRAIN_SECONDS", "3"), 64)
	if err != nil || !(seconds >= 0 && seconds < 10_000) {
		return Settings{}, fmt.Errorf("DRAIN_SECONDS must be seconds, is '%s'", os.Getenv("DRAIN_SECONDS"))
	}
	return Settings{
		Port:        int(number),
		BindAddress: fromEnv("BIND_ADDRESS", "0.0.0.0"),
		PortFile:    os.Getenv("PORT_FILE"),
		Drain:       time.Duration(seconds * float64(time.Second)),
	}, nil
}

// Listen binds the port and announces it.
func (s Settings) Listen() (net.Listener, int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(s.BindAddress, strconv.Itoa(s.Port)))
	if err != nil {
		return nil, 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return listener, port, s.announce(port)
}

// Readers see the old file or the whole new one, never half of it.
func (s Settings) announce(port int) error {
	if s.PortFile == "" {
		return nil
	}
	draft := s.PortFile + ".new"
	if err := os.WriteFile(draft, []byte(strconv.Itoa(port)+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(draft, s.PortFile)
}

func fromEnv(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
