// Package contract holds the API's contract, openapi.yaml, for the server that
// gives it out and the tests that hold the server against it.
package contract

import _ "embed"

// OpenAPI is the contract as YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte
