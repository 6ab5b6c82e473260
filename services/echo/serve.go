package main

import (
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"sample/serving"
)

const (
	maxConnections = 1024
	maxAge         = time.Hour   // of a connection
	lastWords      = time.Second // the time that a connection still gets once the drain is over
)

// connections are the open ones, so that a stop can end those that would stay open for ever.
type connections struct {
	mu     sync.Mutex
	open   map[net.Conn]bool
	ending bool
	done   sync.WaitGroup
}

// serve echoes until SIGTERM, goes on for DRAIN_SECONDS, and returns the exit code. TCP has no health path and no way to
// ask a client to leave: whoever routes here watches that the listener is open, or is told by the platform.
func serve(self serving.Instance, banner string, args []string) int {
	log := self.Log()
	settings, err := serving.ReadSettings(args)
	if err != nil {
		log.Error("cannot start", "cause", err.Error())
		return 2
	}
	listener, port, err := settings.Listen()
	if err != nil {
		log.Error("cannot start", "cause", err.Error())
		return 2
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, syscall.SIGINT)
	conns := &connections{open: map[net.Conn]bool{}}
	go accept(listener, conns, banner)
	log.Info("started", "port", port)
	<-terminated
	log.Info("draining", "seconds", settings.Drain.Seconds())
	time.Sleep(settings.Drain)
	_ = listener.Close()
	conns.endSoon()
	log.Info("stopped")
	return 0
}

func accept(listener net.Listener, conns *connections, banner string) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, say: others may be closed meanwhile
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if !conns.add(conn) {
			_ = conn.Close()
			continue
		}
		go func() {
			defer conns.remove(conn)
			echo(conn, banner)
		}()
	}
}

func echo(conn net.Conn, banner string) {
	_ = conn.SetDeadline(time.Now().Add(maxAge))
	if banner != "" {
		if _, err := io.WriteString(conn, banner+"\n"); err != nil {
			return
		}
	}
	_, _ = io.Copy(conn, conn)
}

func (c *connections) add(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || len(c.open) >= maxConnections {
		return false
	}
	c.open[conn] = true
	c.done.Add(1)
	return true
}

func (c *connections) remove(conn net.Conn) {
	_ = conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
	c.done.Done()
}

func (c *connections) endSoon() {
	c.mu.Lock()
	c.ending = true
	for conn := range c.open {
		_ = conn.SetDeadline(time.Now().Add(lastWords))
	}
	c.mu.Unlock()
	c.done.Wait()
}
