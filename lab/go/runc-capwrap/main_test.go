package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestOnlyCapabilitiesThatAreHeldAreAskedFor(t *testing.T) {
	held := map[string]bool{"CAP_CHOWN": true, "CAP_KILL": true}
	config := `{"ociVersion":"1.0.2","process":{"args":["sh"],"capabilities":{` +
		`"bounding":["CAP_CHOWN","CAP_SYS_RESOURCE"],"ambient":["CAP_SYS_RESOURCE"]}},"mounts":[]}`
	changed, err := dropCapabilities([]byte(config), "process", held)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"ociVersion":"1.0.2","process":{"args":["sh"],"capabilities":{` +
		`"bounding":["CAP_CHOWN"],"ambient":[]}},"mounts":[]}`
	if !sameJSON(t, changed, []byte(want)) {
		t.Errorf("got %s", changed)
	}
}

func TestASpecificationWithoutCapabilitiesStaysAsItIs(t *testing.T) {
	for _, document := range []string{`{"ociVersion":"1.0.2"}`, `{"process":{"args":["sh"]}}`} {
		changed, err := dropCapabilities([]byte(document), "process", nil)
		if err != nil || !sameJSON(t, changed, []byte(document)) {
			t.Errorf("%s became %s, %v", document, changed, err)
		}
	}
}

func TestTheFilesOnTheCommandLineAreFound(t *testing.T) {
	for _, test := range []struct {
		args []string
		want []spec
	}{
		{[]string{"runc", "--root", "/r", "create", "--bundle", "/b", "--pid-file", "/p", "id"}, []spec{{"/b/config.json", "process"}}},
		{[]string{"runc", "exec", "--process", "/tmp/p.json", "--detach", "id"}, []spec{{"/tmp/p.json", ""}}},
		{[]string{"runc", "delete", "id"}, nil},
	} {
		if got := specs(test.args); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v: got %v", test.args, got)
		}
	}
}

func TestTheBoundingSetIsRead(t *testing.T) {
	status := filepath.Join(t.TempDir(), "status")
	if err := os.WriteFile(status, []byte("Name:\tx\nCapBnd:\t000001fffeffffff\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := boundingSet(status)
	if err != nil {
		t.Fatal(err)
	}
	if held["CAP_SYS_RESOURCE"] || !held["CAP_SYS_ADMIN"] || !held["CAP_CHECKPOINT_RESTORE"] {
		t.Errorf("got %v", held)
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var left, right any
	if err := json.Unmarshal(a, &left); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &right); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(left, right)
}
