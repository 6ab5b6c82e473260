// ledger is the legacy service on a machine nobody may touch: it keeps entries in memory and knows of no mesh.
//
// GET /entries answers all it holds, oldest first; POST /entries {"text": "..."} adds one; GET /health.
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"sync"
	"time"

	"sample/serving"
)

const (
	maxEntries   = 1000 // the oldest go first
	maxTextBytes = 1024
)

type entry struct {
	ID   int       `json:"id"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

type ledger struct {
	mu      sync.Mutex
	entries []entry
	lastID  int
}

func main() {
	book := &ledger{entries: []entry{}}
	os.Exit(serving.HTTP(serving.FromEnv("ledger"), os.Args[1:], "/health", book.answer))
}

func (l *ledger) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/entries" {
		serving.Error(w, http.StatusNotFound, "ledger serves /entries")
		return
	}
	switch r.Method {
	case http.MethodGet:
		serving.JSON(w, http.StatusOK, map[string]any{"entries": l.all()})
	case http.MethodPost:
		var posted struct {
			Text string `json:"text"`
		}
		body := http.MaxBytesReader(w, r.Body, 8*maxTextBytes)
		if err := json.NewDecoder(body).Decode(&posted); err != nil || posted.Text == "" || len(posted.Text) > maxTextBytes {
			serving.Error(w, http.StatusBadRequest, `the body must be {"text": "..."} with 1 to 1024 bytes of text`)
			return
		}
		serving.JSON(w, http.StatusCreated, l.add(posted.Text))
	default:
		serving.MethodNotAllowed(w, "GET, POST")
	}
}

func (l *ledger) all() []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]entry{}, l.entries...)
}

func (l *ledger) add(text string) entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastID++
	added := entry{ID: l.lastID, Text: text, At: time.Now().UTC()}
	l.entries = append(l.entries, added)
	if len(l.entries) > maxEntries {
		l.entries = append([]entry{}, l.entries[1:]...)
	}
	return added
}
