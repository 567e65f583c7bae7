package clients

import "aaa-api/internal/aaa"

// Secrets are the opened secrets of a client.
type Secrets struct {
	Current  aaa.Secret
	Previous aaa.Secret // zero: there is none
}
