package main

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
)

// Both numbers lie in the range in which JSON readers of any language agree on whole numbers.
const (
	limit       = 1<<53 - 1
	numberRange = "-9007199254740991 to 9007199254740991"
)

// 16 digits fit an int64, so that parsing cannot overflow before the range is looked at.
var wholeNumber = regexp.MustCompile(`^-?[0-9]{1,16}$`)

// readOperands fails with the sentence for the caller.
func readOperands(rawQuery string) (l, r int64, err error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return 0, 0, fmt.Errorf("the query cannot be read: %w", err)
	}
	if l, err = one("l", query); err != nil {
		return 0, 0, err
	}
	r, err = one("r", query)
	return l, r, err
}

func representable(value int64) bool {
	return -limit <= value && value <= limit
}

func one(name string, query url.Values) (int64, error) {
	values := query[name]
	switch {
	case len(values) == 0:
		return 0, fmt.Errorf("parameter %s is missing", name)
	case len(values) > 1:
		return 0, fmt.Errorf("parameter %s is given more than once", name)
	}
	if wholeNumber.MatchString(values[0]) {
		if value, err := strconv.ParseInt(values[0], 10, 64); err == nil && representable(value) {
			return value, nil
		}
	}
	return 0, fmt.Errorf("parameter %s must be a whole number from %s", name, numberRange)
}
