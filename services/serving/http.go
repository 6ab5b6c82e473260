package serving

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

const inFlightGrace = 15 * time.Second

// HTTP serves until SIGTERM and returns the exit code.
//
//	serving --SIGTERM--> draining: health 503, answers say Connection: close --DRAIN_SECONDS--> listener closed
//	                                                                         --nothing in flight--> 0
func HTTP(self Instance, args []string, healthPath string, route http.HandlerFunc) int {
	log := self.Log()
	settings, err := ReadSettings(args)
	if err != nil {
		log.Error("cannot start", "cause", err.Error())
		return 2
	}
	listener, port, err := settings.Listen()
	if err != nil {
		log.Error("cannot start", "cause", err.Error())
		return 2
	}
	var draining atomic.Bool
	server := &http.Server{
		Handler:           signed(self, &draining, healthPath, route),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       20 * time.Second,
		// Longer than Envoy's hour, so that the client is the one to close an idle connection and never writes into one
		// that was just closed.
		IdleTimeout:    65 * time.Minute,
		MaxHeaderBytes: 32 << 10,
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, syscall.SIGINT)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.Info("started", "port", port)
	select {
	case err := <-failed:
		log.Error("serving failed", "cause", err.Error())
		return 1
	case <-terminated:
	}
	draining.Store(true)
	log.Info("draining", "seconds", settings.Drain.Seconds())
	time.Sleep(settings.Drain)
	grace, cancel := context.WithTimeout(context.Background(), inFlightGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		log.Error("stopped with requests in flight", "cause", err.Error())
		return 1
	}
	log.Info("stopped")
	return 0
}

// signed puts the instance's name on every answer, and the wish to leave while draining. Keep-alives are not switched
// off on the server: that closes idle connections at once, and with them a request that is on its way.
func signed(self Instance, draining *atomic.Bool, healthPath string, route http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Served-By", self.ServedBy())
		leaving := draining.Load()
		if leaving {
			w.Header().Set("Connection", "close")
		}
		switch {
		case r.URL.Path != healthPath:
			route(w, r)
		case leaving:
			JSON(w, http.StatusServiceUnavailable, map[string]any{"status": "OUT_OF_SERVICE"})
		default:
			JSON(w, http.StatusOK, map[string]any{"status": "UP"})
		}
	})
}

// JSON answers with a value that can always be encoded.
func JSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// Error answers {"error": text}.
func Error(w http.ResponseWriter, status int, text string) {
	JSON(w, status, map[string]any{"error": text})
}

// MethodNotAllowed answers 405 and names what is answered.
func MethodNotAllowed(w http.ResponseWriter, allowed string) {
	w.Header().Set("Allow", allowed)
	Error(w, http.StatusMethodNotAllowed, "only "+allowed+" is answered here")
}
