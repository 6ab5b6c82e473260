package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const maxReplyBytes = 1 << 20

// ask returns what the target sent back, also when that was not the text (a banner may come before it).
func ask(target, text string, timeout time.Duration) (string, error) {
	deadline := time.Now().Add(timeout)
	conn, err := net.DialTimeout("tcp", target, timeout)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(deadline)
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	// The end of what is sent, so that the far side ends too and the reply needs no framing.
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	reply, err := io.ReadAll(io.LimitReader(conn, maxReplyBytes))
	switch {
	case err != nil:
		return string(reply), err
	case len(reply) == 0:
		return "", errors.New("the connection was closed without a reply")
	case !strings.HasSuffix(string(reply), text):
		return string(reply), fmt.Errorf("%d bytes came back, but not the text that was sent", len(reply))
	}
	return string(reply), nil
}
