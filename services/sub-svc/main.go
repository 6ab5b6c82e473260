// sub-svc subtracts two whole numbers: GET /api/v1/execute?l=3&r=2 answers {"result":1}.
package main

import (
	"fmt"
	"net/http"
	"os"

	"sample/serving"
)

func main() {
	self := serving.FromEnv("sub-svc")
	execute := func(w http.ResponseWriter, r *http.Request) { answer(self, w, r) }
	os.Exit(serving.HTTP(self, os.Args[1:], "/actuator/health", execute))
}

func answer(self serving.Instance, w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/api/v1/execute" {
		serving.Error(w, http.StatusNotFound, "sub-svc serves /api/v1/execute")
		return
	}
	if r.Method != http.MethodGet {
		serving.MethodNotAllowed(w, http.MethodGet)
		return
	}
	fault, err := readFault(r.Header.Get("X-Fault"))
	if err != nil {
		serving.Error(w, http.StatusBadRequest, err.Error())
		return
	}
	difference, err := subtract(r.URL.RawQuery)
	if err != nil {
		serving.Error(w, http.StatusBadRequest, err.Error())
		return
	}
	if fault.hits(self) && fault.strike(self, w) {
		return
	}
	serving.JSON(w, http.StatusOK, map[string]any{"result": difference})
}

func subtract(rawQuery string) (int64, error) {
	l, r, err := readOperands(rawQuery)
	if err != nil {
		return 0, err
	}
	if difference := l - r; representable(difference) {
		return difference, nil
	}
	return 0, fmt.Errorf("the difference of %d and %d is outside %s", l, r, numberRange)
}
