// Command kstatus says of objects what Flux and others that follow kstatus make of them. It reads a JSON list of objects
// from standard input and writes a list of the same length: their status, and kstatus' own words about it.
package main

import (
	"encoding/json"
	"log"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type answer struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	log.SetFlags(0)
	var objects []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		log.Fatal(err)
	}
	answers := make([]answer, len(objects))
	for at, text := range objects {
		var one unstructured.Unstructured
		if err := one.UnmarshalJSON(text); err != nil {
			log.Fatal(err)
		}
		result, err := status.Compute(&one)
		if err != nil {
			log.Fatal(err)
		}
		answers[at] = answer{result.Status.String(), result.Message}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}
