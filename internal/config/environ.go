package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Prefix begins the name of every variable of the service.
const Prefix = "AAA_API_"

// foreign matches variables that carry the prefix and are others' business: what
// Kubernetes and Docker set for a service called aaa-api, and the tests' own.
var foreign = regexp.MustCompile(`^AAA_API_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?|TEST_.*)$`)

// variableOf is the variable of a setting.
func variableOf(name string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// settingOf is the setting of a variable.
func settingOf(variable string) (string, bool) {
	for _, s := range settings {
		if variableOf(s.name) == variable {
			return s.name, true
		}
	}
	return "", false
}

// unknownVariables refuses variables that look like settings and are none: a setting
// misspelt must not be a setting ignored.
func unknownVariables(environ []string) []error {
	var errs []error
	for _, entry := range environ {
		variable, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(variable, Prefix) || foreign.MatchString(variable) {
			continue
		}
		if _, ok := settingOf(variable); !ok {
			errs = append(errs, fmt.Errorf("%s: no such setting; %s", variable, hint(variable)))
		}
	}
	return errs
}

// hint names the setting that was meant, or else all of them.
func hint(variable string) string {
	squeeze := func(s string) string { return strings.ReplaceAll(strings.TrimPrefix(s, Prefix), "_", "") }
	names := make([]string, 0, len(settings))
	for _, s := range settings {
		name := variableOf(s.name)
		got, want := squeeze(variable), squeeze(name)
		if strings.HasPrefix(want, got) || strings.HasPrefix(got, want) {
			return "did you mean " + name + "?"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return "there are " + strings.Join(names, ", ")
}
