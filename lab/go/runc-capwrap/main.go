// Command runc-capwrap is an OCI runtime: runc, asked only for capabilities that can be had.
//
// A privileged container asks for every capability there is. Where the root user itself lacks one (its bounding set
// is smaller, as in many virtual machines and build runners), runc refuses the whole container: "unable to apply
// caps: operation not permitted". This command takes what is lacking out of the container's or process's
// specification and then becomes runc.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

func main() {
	if err := becomeRunc(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "runc-capwrap:", err)
		os.Exit(1)
	}
}

func becomeRunc(args []string) error {
	held, err := boundingSet("/proc/self/status")
	if err != nil {
		return err
	}
	for _, spec := range specs(args) {
		if err := dropFromFile(spec, held); err != nil {
			return fmt.Errorf("%s: %w", spec.path, err)
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	return syscall.Exec(runc, append([]string{"runc"}, args[1:]...), os.Environ())
}

// A spec is a file that lists capabilities, and the member of it that holds the process ("" when the file is one).
type spec struct{ path, process string }

// specs finds the files named on a runc command line: `create --bundle DIR` and `exec --process FILE`.
func specs(args []string) []spec {
	var found []spec
	for i := 1; i < len(args)-1; i++ {
		switch args[i] {
		case "--bundle", "-b":
			found = append(found, spec{filepath.Join(args[i+1], "config.json"), "process"})
		case "--process", "-p":
			found = append(found, spec{args[i+1], ""})
		}
	}
	return found
}

func dropFromFile(s spec, held map[string]bool) error {
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(s.path)
	if err != nil {
		return err
	}
	after, err := dropCapabilities(before, s.process, held)
	if err != nil {
		return err
	}
	return os.WriteFile(s.path, after, info.Mode().Perm())
}

// dropCapabilities leaves every other member of the document as it was, known to this program or not.
func dropCapabilities(document []byte, member string, held map[string]bool) ([]byte, error) {
	if member != "" {
		return edit(document, member, func(inner json.RawMessage) (json.RawMessage, error) {
			return dropCapabilities(inner, "", held)
		})
	}
	return edit(document, "capabilities", func(raw json.RawMessage) (json.RawMessage, error) {
		var sets map[string][]string
		if err := json.Unmarshal(raw, &sets); err != nil {
			return nil, err
		}
		for name, wanted := range sets {
			kept := make([]string, 0, len(wanted))
			for _, capability := range wanted {
				if held[capability] {
					kept = append(kept, capability)
				}
			}
			sets[name] = kept
		}
		return json.Marshal(sets)
	})
}

// edit changes one member of a JSON object; an object without it stays as it is.
func edit(document []byte, member string, change func(json.RawMessage) (json.RawMessage, error)) ([]byte, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(document, &object); err != nil {
		return nil, err
	}
	raw, present := object[member]
	if !present {
		return document, nil
	}
	changed, err := change(raw)
	if err != nil {
		return nil, err
	}
	object[member] = changed
	return json.Marshal(object)
}
