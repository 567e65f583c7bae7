package main

import (
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// What children are told of main's environment. All else of it is no business of theirs.
var (
	frontVariables = []string{"GOGC", "GOMEMLIMIT", "GODEBUG", "TZ"}
	// moduleVariables are also those of PostgreSQL's clients, of the resolver, of TLS and of Kerberos. A name that ends with _ is a prefix.
	moduleVariables = append(slices.Clone(frontVariables), "HOME", "USER", "PG_", "SSL_CERT_", "KRB5_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "RES_OPTIONS", "LOCALDOMAIN")
)

// inheritedBy are the variables of this process that are named.
func inheritedBy(names []string) (environment []string) {
	for _, entry := range os.Environ() {
		variable, _, _ := strings.Cut(entry, "=")
		if slices.ContainsFunc(names, func(name string) bool {
			prefix, ok := strings.CutSuffix(name, "_")
			if prefix == "PG" { // libpq's have no underscore
				return strings.HasPrefix(variable, prefix)
			}
			return variable == name || ok && strings.HasPrefix(variable, name)
		}) {
			environment = append(environment, entry)
		}
	}
	return environment
}

// tune makes of what main knows of the surroundings what the runtime would have made of it.
func tune(environment []string, memory int64) {
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		_ = os.Setenv(name, value) // it was in an environment
		if name != "GOGC" {
			continue
		}
		if value == "off" {
			debug.SetGCPercent(-1)
		} else if percent, err := strconv.Atoi(value); err == nil {
			debug.SetGCPercent(percent)
		}
	}
	if memory > 0 {
		debug.SetMemoryLimit(memory / 10 * 9) // the rest is for what the collector does not count
	}
}
