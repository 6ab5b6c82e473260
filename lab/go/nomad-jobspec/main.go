// Command nomad-jobspec reads a Nomad job file from standard input as Nomad 1.6 does and writes the job that its API would be
// sent, as JSON. It exits with 1 and Nomad's own words when the file is not one.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/hashicorp/nomad/jobspec2"
)

func main() {
	log.SetFlags(0)
	job, err := jobspec2.Parse("stdin.nomad.hcl", os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	job.Canonicalize()
	if err := json.NewEncoder(os.Stdout).Encode(job); err != nil {
		log.Fatal(err)
	}
}
