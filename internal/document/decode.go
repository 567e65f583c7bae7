package document

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
)

// What a server without the member has.
const (
	DefaultRetries = 3
	DefaultTimeout = 5000 // milliseconds
	// leastTimeout is the floor of a server's timeout, in milliseconds, for documents of versions that took less, too: a
	// silent server must not be asked without pause.
	leastTimeout = 100
)

// errStored is a stored document that is none: a fault of the store, not of a client.
var errStored = errors.New("the stored AAA document is damaged")

// Decode makes a stored document ready for use: typed, defaults of the servers
// filled in, secrets opened. A secret that no key opens any more is an *aaa.Error of KindUnavailable: no request goes out
// without it.
func Decode(ctx context.Context, account aaa.AccountID, body json.RawMessage, opener secmod.Opener) (*aaa.Document, error) {
	d, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", account, errStored)
	}
	err = eachSecret(d, func(purpose string, s *aaa.Secret) error {
		clear, err := opener.Open(ctx, account, purpose, s.Reveal())
		if errors.Is(err, secmod.ErrSealed) {
			return &aaa.Error{
				Kind:    aaa.KindUnavailable,
				Message: "the secret " + purpose + " of the AAA document of account " + string(account) + " can't be opened any more: write the document with its secrets again",
				Err:     fmt.Errorf("account %s: open %s: %w", account, purpose, err),
			}
		}
		if err != nil {
			return fmt.Errorf("account %s: open %s: %w", account, purpose, err)
		}
		*s = clear
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// typed is a document as JSON has it: absent retries and timeout differ from zero.
type typed struct {
	aaa.Document
	Servers []struct {
		aaa.Server
		Retries *int `json:"retries"`
		Timeout *int `json:"timeout"`
	} `json:"servers"`
}

// decode makes the typed form; the secrets are whatever stands in their place.
func decode(body []byte) (*aaa.Document, error) {
	var t typed
	if err := json.Unmarshal(body, &t); err != nil {
		return nil, err
	}
	d := &t.Document
	d.Servers = make([]aaa.Server, len(t.Servers))
	for i := range t.Servers {
		s := &t.Servers[i]
		s.Server.Retries, s.Server.Timeout = DefaultRetries, DefaultTimeout
		if s.Retries != nil {
			s.Server.Retries = *s.Retries
		}
		if s.Timeout != nil {
			s.Server.Timeout = max(*s.Timeout, leastTimeout)
		}
		d.Servers[i] = s.Server
	}
	return d, nil
}
