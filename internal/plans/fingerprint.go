package plans

import (
	"crypto/sha256"
	"encoding/json"

	"aaa-api/internal/aaa"
)

// fingerprint is a hash of a server's entry. Servers of one fingerprint share a Client: their dictionaries are not its concern.
type fingerprint [sha256.Size]byte

func fingerprintOf(s aaa.Server) fingerprint {
	s.Dicts = nil
	text, err := json.Marshal([]any{
		s, s.Secret.Reveal(), s.PreviousSecret.Reveal(), s.TLS.Key.Reveal(), s.HealthCheck.Password.Reveal(), // JSON masks a Secret
	})
	if err != nil {
		panic(err) // every member has JSON
	}
	return sha256.Sum256(text)
}
