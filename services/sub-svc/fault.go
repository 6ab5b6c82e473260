package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sample/serving"
)

const maxDelayMs = 30_000

var (
	faultKind  = regexp.MustCompile(`^(error|delay|abort|exit)$`)
	faultDelay = regexp.MustCompile(`^ms=[0-9]{1,5}$`)
)

// fault is a failure asked for by the caller: "X-Fault: KIND[;ms=N][;instance=NAME]".
//
// error answers 500, delay waits before the right answer, abort closes the connection without one, exit ends the
// process. With an instance only that one fails, which is how a retry can be seen to find a good one.
type fault struct {
	kind     string // empty: none
	delay    time.Duration
	instance string // empty: any
}

// readFault fails with the sentence for the caller.
func readFault(header string) (fault, error) {
	if header == "" {
		return fault{}, nil
	}
	parts := strings.Split(header, ";")
	asked := fault{kind: strings.TrimSpace(parts[0])}
	if !faultKind.MatchString(asked.kind) {
		return fault{}, errors.New("X-Fault must be error, delay, abort or exit")
	}
	for _, part := range parts[1:] {
		part = strings.TrimSpace(part)
		name, isInstance := strings.CutPrefix(part, "instance=")
		switch {
		case faultDelay.MatchString(part):
			ms, _ := strconv.Atoi(part[len("ms="):])
			if ms > maxDelayMs {
				return fault{}, fmt.Errorf("X-Fault delays by %d ms at most", maxDelayMs)
			}
			asked.delay = time.Duration(ms) * time.Millisecond
		case isInstance:
			asked.instance = name
		default:
			return fault{}, errors.New("X-Fault knows ms=N and instance=NAME only")
		}
	}
	return asked, nil
}

func (f fault) hits(self serving.Instance) bool {
	return f.kind != "" && (f.instance == "" || f.instance == self.Name)
}

// strike says whether the request is dealt with; after a delay it is not.
func (f fault) strike(self serving.Instance, w http.ResponseWriter) bool {
	switch f.kind {
	case "error":
		serving.Error(w, http.StatusInternalServerError, "the caller asked for this failure")
	case "abort":
		// The server's own way to close a connection without an answer.
		panic(http.ErrAbortHandler)
	case "exit":
		self.Log().Error("exiting because the caller asked for it")
		os.Exit(1)
	default:
		time.Sleep(f.delay)
		return false
	}
	return true
}
