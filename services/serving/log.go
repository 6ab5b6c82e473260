package serving

import (
	"log/slog"
	"os"
)

// Log writes one JSON line to standard output for a start, a stop or an error.
func (i Instance) Log() *slog.Logger {
	names := func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.MessageKey:
			a.Key = "message"
		case slog.LevelKey:
			a.Value = slog.StringValue(map[slog.Level]string{slog.LevelInfo: "info", slog.LevelError: "error"}[a.Value.Any().(slog.Level)])
		}
		return a
	}
	handler := slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: names})
	return slog.New(handler).With("service", i.Service, "instance", i.Name)
}
