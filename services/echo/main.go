// echo sends back what it is sent, over plain TCP.
//
//	echo [--serve] [--port N]                          serve until SIGTERM
//	echo --connect HOST:PORT --text T [--timeout 5s]   send T, print what comes back; exit 0 when that ends in T, else 1
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sample/serving"
)

func main() {
	args := os.Args[1:]
	asks := slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--connect") })
	if !asks {
		args = slices.DeleteFunc(args, func(arg string) bool { return arg == "--serve" })
		os.Exit(serve(serving.FromEnv("echo"), os.Getenv("ECHO_BANNER"), args))
	}
	flags := flag.NewFlagSet("echo", flag.ExitOnError)
	target := flags.String("connect", "", "HOST:PORT to send the text to")
	text := flags.String("text", "hello", "what to send")
	timeout := flags.Duration("timeout", 5*time.Second, "how long connecting, sending and receiving may take together")
	_ = flags.Parse(args)
	reply, err := ask(*target, *text, *timeout)
	fmt.Print(reply)
	if reply != "" && !strings.HasSuffix(reply, "\n") {
		fmt.Println()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}
